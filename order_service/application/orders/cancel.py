"""Cancel an order: record the request, give the order's stock back, store the order CANCELLED."""

from dataclasses import dataclass

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.change import Asked, Changing
from order_service.application.orders.ports import OrderRepository, StockMover
from order_service.domain.errors import (
    HoldConfirmed,
    InventoryUnavailable,
    OutcomeUnknown,
    StoreUnavailable,
)
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus


@dataclass(frozen=True, slots=True)
class CancelOrderResult:
    """``deferred``: the cancellation is recorded; settlement will give the stock back."""

    order: Order
    deferred: bool = False


class CancelOrder:
    """``move_budget``: seconds from the request's start until the stock must have been moved."""

    def __init__(
        self,
        orders: OrderRepository,
        stock: StockMover,
        clock: Clock,
        move_budget: float,
        correlation: Correlation = UNCORRELATED,
    ) -> None:
        self._change = Changing(orders, correlation)
        self._stock = stock
        self._clock = clock
        self._move_budget = move_budget

    def __call__(self, asked: Asked) -> CancelOrderResult:
        """Safe to repeat.

        Raises OrderNotFound, PreconditionFailed, IllegalMove (HoldExpired, and HoldConfirmed where
        somebody confirmed the order just now), VersionConflict, InventoryUnavailable,
        StoreUnavailable.
        """
        deadline = self._clock.monotonic() + self._move_budget
        order = self._recorded(asked)
        if not order.awaits_stock:
            # The order is stuck, or another request has cancelled the order.
            return _result(order)
        try:
            moved = self._stock.move(order, deadline)
        except (InventoryUnavailable, StoreUnavailable, OutcomeUnknown):
            return CancelOrderResult(order, deferred=True)
        return _result(moved)

    def _recorded(self, asked: Asked) -> Order:
        was_held = False

        def request(order: Order) -> Order:
            nonlocal was_held
            if was_held and order.phase is OrderPhase.COMPLETED:
                # The caller meant to give up a hold, and not to take back a sale.
                raise HoldConfirmed(order.status)
            was_held = order.phase is OrderPhase.HELD
            requested = order.request_cancel(self._clock.now(), asked.by)
            self._stock.require_available()
            return requested

        return self._change(asked, request, _is_requested)


def _is_requested(order: Order) -> bool:
    return order.status is OrderStatus.CANCELLED or order.cancel_requested_at is not None


def _result(order: Order) -> CancelOrderResult:
    return CancelOrderResult(order, deferred=order.status is not OrderStatus.CANCELLED)
