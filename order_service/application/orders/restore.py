"""Bring a store that was restored from a backup to what the orders' events tell of it.

Nothing is guessed: what the events do not tell is marked as stuck, or named.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Protocol

from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.application.orders.settle import BATCH, UnsettledOrders, all_unsettled
from order_service.application.place import Place
from order_service.domain.errors import OrderServiceError, Unavailable
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import Actor, ActorKind
from order_service.domain.lives import lives_with
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
class Undone:
    """``reason``: why the order could not be brought on, marked as stuck, or written."""

    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """``brought``: orders that the events bring on. ``in_doubt``: orders that wait for their stock,
    and are marked as stuck. ``contradicted``: ids of orders that can't have become what their
    events tell, or whose events contradict each other; such an order is left alone, unless it waits
    for its stock and so is in doubt too. ``failed``: ids of orders that the store lacks and that
    only failed; they are left out. ``undone``: orders that something is wrong with."""

    told: Told
    brought: list[Change] = field(default_factory=list)
    in_doubt: list[Change] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    undone: list[Undone] = field(default_factory=list)


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

        Raises BrokerUnavailable, StoreUnavailable, and InvalidValue where there is no topic to
        read. What was written until then stays, and the same can be asked again.
        """
        done = Restoration(self._events.since(since))
        told = _by_order(done.told.events)
        ids = iter(told)
        while batch := list(islice(ids, BATCH)):
            stored = {order.id: order for order in self._orders.get_many(batch)}
            for order_id in batch:
                with self._each(done, order_id):
                    self._judge(done, stored.get(order_id), told[order_id], by)
        brought = {change.after.id for change in done.brought}
        if self._intents is not None:
            self._doubt(done, self._intents, brought)
        if write:
            for changes in (done.brought, done.in_doubt):
                changes[:] = self._written(done, changes)
        return done

    @contextmanager
    def _each(self, done: Restoration, order_id: str) -> Iterator[None]:
        """What is wrong with one order does not stop the others. Raises Unavailable."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  (whatever it is, it is named)
            if isinstance(error, Unavailable):
                # The store refuses this order alone, if it answers.
                self._orders.get_many([order_id])
            known = isinstance(error, OrderServiceError)
            done.undone.append(Undone(order_id, str(error) if known else type(error).__name__))

    def _judge(
        self, done: Restoration, order: Order | None, events: Sequence[OrderEvent], by: str
    ) -> None:
        now, who = self._clock.now(), Actor(ActorKind.OPERATOR, by)
        contradict = order.contradicts(events) if order else not lives_with(events)
        if contradict:
            done.contradicted.append(events[0].order_id)
        elif order is None and events[-1].type is OrderEventType.ORDER_FAILED:
            done.failed.append(events[0].order_id)
        elif order is None:
            lost = Order.from_events(events, now, who, self._longest_hold)
            done.brought.append(Change(None, lost))
        elif order.is_behind(events):
            done.brought.append(Change(order, order.bring_to(events, now, who)))

    def _doubt(self, done: Restoration, intents: OpenIntents, brought: set[str]) -> None:
        now = self._clock.now()
        for order in all_unsettled(self._orders, now):
            if order.id in brought or not order.awaits_stock:
                continue
            with self._each(done, order.id):
                stuck = Stuck(_UNTOLD, now, tuple(order.stock_changes), intents.of(order))
                done.in_doubt.append(Change(order, order.mark_stuck(stuck)))

    def _written(self, done: Restoration, changes: Sequence[Change]) -> list[Change]:
        written = []
        for change in changes:
            write = self._orders.add if change.before is None else self._orders.save
            with self._each(done, change.after.id):
                write(change.after)
                written.append(change)
        return written


def _by_order(events: Sequence[OrderEvent]) -> dict[str, list[OrderEvent]]:
    """Each event once, by its place in its order's life. Two events of one id that tell different
    things are two events."""
    orders: defaultdict[str, dict[OrderEvent, None]] = defaultdict(dict)
    for event in events:
        orders[event.order_id][event] = None
    return {
        order_id: sorted(each, key=lambda event: event.sequence)
        for order_id, each in orders.items()
    }
