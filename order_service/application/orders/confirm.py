"""Confirm a held order: one write of the store sells it, and nobody else is asked."""

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.change import Asked, Changing
from order_service.application.orders.ports import OrderRepository
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase


class ConfirmOrder:
    def __init__(
        self, orders: OrderRepository, clock: Clock, correlation: Correlation = UNCORRELATED
    ) -> None:
        self._change = Changing(orders, correlation)
        self._clock = clock

    def __call__(self, asked: Asked) -> Order:
        """The order as stored; an order that was confirmed before is returned as it is.

        Raises OrderNotFound, PreconditionFailed, IllegalMove (NotHeld, HoldExpired,
        HoldCancelled), VersionConflict, StoreUnavailable.
        """
        return self._change(
            asked,
            lambda order: order.confirm(self._clock.now(), asked.by),
            _is_confirmed,
        )


def _is_confirmed(order: Order) -> bool:
    return order.hold is not None and order.phase is OrderPhase.COMPLETED
