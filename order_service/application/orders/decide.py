"""Settle a stuck order by a person's word."""

from dataclasses import dataclass

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.change import require_version
from order_service.application.orders.get import GetOrder
from order_service.application.orders.ports import OrderRepository
from order_service.domain.marks import Decision
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class DecideOrderCommand:
    """``outcome``: COMPLETED if the inventory did what the order asked for, FAILED if not. ``by``:
    the name of the person who says so. ``version``: the version of the order that the person saw;
    None for any."""

    order_id: str
    outcome: OrderStatus
    reason: str
    by: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class DecidedOrder:
    """``order``: as stored. ``alike``: the ids of the other orders that are stuck for the
    overwrites that the order was stuck for."""

    order: Order
    alike: list[str]


class DecideOrder:
    def __init__(
        self, orders: OrderRepository, clock: Clock, correlation: Correlation = UNCORRELATED
    ) -> None:
        self._orders = orders
        self._read = GetOrder(orders, correlation)
        self._clock = clock

    def __call__(self, command: DecideOrderCommand) -> DecidedOrder:
        """Moves no stock: the command only says what happened. Tried once: who was overtaken has
        to look again.

        Raises OrderNotFound, PreconditionFailed, IllegalMove (the order is not stuck),
        InvalidValue, VersionConflict (evidence turned up, or somebody else decided the order),
        StoreUnavailable.
        """
        order = self._read(command.order_id)
        require_version(order, command.version)
        decision = Decision(command.outcome, command.reason, self._clock.now(), by=command.by)
        decided = order.decide(decision)
        # Read before the decision is stored: after that, nothing may fail.
        alike = self._of_the_same_overwrite(order)
        return DecidedOrder(self._orders.save(decided), alike)

    def _of_the_same_overwrite(self, order: Order) -> list[str]:
        stuck = order.stuck
        if stuck is None or stuck.intent is None:
            return []
        together = self._orders.get_many(stuck.intent.order_ids)
        return [
            each.id
            for each in together
            # An order of the intent may be stuck for a later one by now.
            if each.id != order.id and each.stuck and each.stuck.intent == stuck.intent
        ]
