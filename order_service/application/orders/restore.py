"""Bring a store that was restored from a backup to what the orders' events tell of it.

Nothing is guessed: what the events do not tell is marked as stuck, or named.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Protocol

from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.application.orders.settle import BATCH, UnsettledOrders, all_unsettled
from order_service.application.place import Place
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import Actor, ActorKind
from order_service.domain.marks import Stuck
from order_service.domain.moves import Intent
from order_service.domain.order import Order

_UNTOLD: Final = (
    "The store was restored from a backup in which the order waits for its stock, and its events "
    "don't tell what became of the order since then."
)


@dataclass(frozen=True, slots=True)
class Told:
    """``unreadable``: records that are no events of orders. ``cut``: partitions of the topic that
    may have lost records since the time that was asked for, because what is left is newer."""

    events: list[OrderEvent] = field(default_factory=list)
    unreadable: list[Place] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


class OrderEvents(Protocol):
    def since(self, time: datetime) -> Told: ...


class OpenIntents(Protocol):
    def of(self, order: Order) -> Intent | None:
        """The overwrites that were decided for the order, as its items' leases have them."""
        ...


class RestoredOrders(OrderRepository, UnsettledOrders, Protocol):
    def add(self, order: Order) -> Order: ...


@dataclass(frozen=True, slots=True)
class Change:
    """``before``: None for an order that the store lacked."""

    before: Order | None
    after: Order


@dataclass(frozen=True, slots=True)
class Restoration:
    """``brought``: orders that the events bring on. ``in_doubt``: orders that wait for their stock,
    and are marked as stuck. ``contradicted``: ids of orders that ended otherwise than their events
    tell, or whose events contradict each other; such an order is left alone, unless it waits for
    its stock and so is in doubt too. ``failed``: ids of orders that the store lacks and that only
    failed; they are left out."""

    told: Told
    brought: list[Change] = field(default_factory=list)
    in_doubt: list[Change] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class RestoreOrders:
    """``intents``: None where the inventory knows its operations, so that settlement can repeat
    them. ``longest_hold``: how long an order may be held from its creation on."""

    def __init__(
        self,
        events: OrderEvents,
        orders: RestoredOrders,
        intents: OpenIntents | None,
        clock: Clock,
        longest_hold: timedelta,
    ) -> None:
        self._events = events
        self._orders = orders
        self._intents = intents
        self._clock = clock
        self._longest_hold = longest_hold

    def __call__(self, since: datetime, by: str, write: bool) -> Restoration:
        """What is to be done, and with ``write`` is done. ``since``: when the backup was made, or
        earlier. Nothing else may write to the store meanwhile.

        Raises BrokerUnavailable, StoreUnavailable, VersionConflict, and InvalidValue where there is
        no topic to read. What was written until then stays, and the same can be asked again.
        """
        done = Restoration(self._events.since(since))
        told = _by_order(done.told.events)
        ids = iter(told)
        while batch := list(islice(ids, BATCH)):
            stored = {order.id: order for order in self._orders.get_many(batch)}
            for order_id in batch:
                self._judge(done, stored.get(order_id), told[order_id], by)
        brought = {change.after.id for change in done.brought}
        if self._intents is not None:
            self._doubt(done, self._intents, brought)
        if write:
            self._write([*done.brought, *done.in_doubt])
        return done

    def _judge(
        self, done: Restoration, order: Order | None, events: Sequence[OrderEvent], by: str
    ) -> None:
        now, who = self._clock.now(), Actor(ActorKind.OPERATOR, by)
        if len({event.sequence for event in events}) < len(events):
            done.contradicted.append(events[0].order_id)
        elif order is None and events[-1].type is OrderEventType.ORDER_FAILED:
            done.failed.append(events[0].order_id)
        elif order is None:
            lost = Order.from_events(events, now, who, self._longest_hold)
            done.brought.append(Change(None, lost))
        elif order.is_behind(events):
            done.brought.append(Change(order, order.bring_to(events, now, who)))
        elif order.contradicts(events):
            done.contradicted.append(order.id)

    def _doubt(self, done: Restoration, intents: OpenIntents, brought: set[str]) -> None:
        now = self._clock.now()
        for order in all_unsettled(self._orders, now):
            if order.id not in brought and order.awaits_stock:
                stuck = Stuck(_UNTOLD, now, tuple(order.stock_changes), intents.of(order))
                done.in_doubt.append(Change(order, order.mark_stuck(stuck)))

    def _write(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.before is None:
                self._orders.add(change.after)
            else:
                self._orders.save(change.after)


def _by_order(events: Sequence[OrderEvent]) -> dict[str, list[OrderEvent]]:
    """Each event once, in the order of its order's life."""
    orders: defaultdict[str, dict[str, OrderEvent]] = defaultdict(dict)
    for event in events:
        orders[event.order_id][event.event_id] = event
    return {
        order_id: sorted(each.values(), key=lambda event: event.sequence)
        for order_id, each in orders.items()
    }
