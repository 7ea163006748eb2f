"""Settle a stuck order by a person's word."""

from dataclasses import dataclass

from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.domain.errors import OrderNotFound
from order_service.domain.order import Decision, Order, OrderStatus


@dataclass(frozen=True, slots=True)
class DecideOrderCommand:
    """``outcome``: COMPLETED if the inventory did what the order asked for, FAILED if not."""

    order_id: str
    outcome: OrderStatus
    reason: str


class DecideOrder:
    def __init__(self, orders: OrderRepository, clock: Clock) -> None:
        self._orders = orders
        self._clock = clock

    def __call__(self, command: DecideOrderCommand) -> Order:
        """The order as it was stored. No stock is moved: what the inventory did is asserted.

        Raises OrderNotFound, IllegalMove (it is not stuck, or no longer), InvalidValue,
        VersionConflict (evidence turned up, or somebody else decided), StoreUnavailable.
        """
        order = self._orders.get(command.order_id)
        if order is None:
            raise OrderNotFound(command.order_id)
        word = Decision(command.outcome, command.reason, self._clock.now())
        return self._orders.save(order.decide(word))

    def of_the_same_overwrite(self, order: Order) -> list[str]:
        """The other orders that are stuck with this one: one overwrite was to serve them all."""
        stuck = order.stuck or (order.decision and order.decision.stuck)
        if not stuck or stuck.intent is None:
            return []
        together = self._orders.get_many(stuck.intent.order_ids)
        return [each.id for each in together if each.stuck is not None and each.id != order.id]
