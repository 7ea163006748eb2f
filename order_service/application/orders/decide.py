"""Settle a stuck order by a person's word."""

from dataclasses import dataclass

from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.domain.errors import OrderNotFound
from order_service.domain.marks import Decision
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class DecideOrderCommand:
    """``outcome``: COMPLETED if the inventory did what the order asked for, FAILED if not. ``by``:
    the name of the person who says so."""

    order_id: str
    outcome: OrderStatus
    reason: str
    by: str


class DecideOrder:
    def __init__(self, orders: OrderRepository, clock: Clock) -> None:
        self._orders = orders
        self._clock = clock

    def __call__(self, command: DecideOrderCommand) -> Order:
        """Returns the order as stored. Moves no stock: the command only says what happened.

        Raises OrderNotFound, IllegalMove (the order is not stuck), InvalidValue, VersionConflict
        (evidence turned up, or somebody else decided the order), StoreUnavailable.
        """
        order = self._orders.get(command.order_id)
        if order is None:
            raise OrderNotFound(command.order_id)
        decision = Decision(command.outcome, command.reason, self._clock.now(), by=command.by)
        return self._orders.save(order.decide(decision))

    def of_the_same_overwrite(self, order: Order) -> list[str]:
        """The ids of the other orders that are stuck for the overwrites that the order was stuck
        for."""
        stuck = order.stuck or (order.decision and order.decision.stuck)
        if not stuck or stuck.intent is None:
            return []
        together = self._orders.get_many(stuck.intent.order_ids)
        return [
            each.id
            for each in together
            # An order of the intent may be stuck for a later one by now.
            if each.id != order.id and each.stuck and each.stuck.intent == stuck.intent
        ]
