"""Cancel an order: record the request, give the order's stock back, store the order CANCELLED."""

from dataclasses import dataclass

from order_service.application.clock import Clock
from order_service.application.orders.get import GetOrder
from order_service.application.orders.ports import OrderRepository, StockMover
from order_service.domain.errors import (
    InventoryUnavailable,
    OutcomeUnknown,
    PreconditionFailed,
    StoreUnavailable,
    VersionConflict,
)
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


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
    ) -> None:
        self._get_order = GetOrder(orders)
        self._orders = orders
        self._stock = stock
        self._clock = clock
        self._move_budget = move_budget

    def __call__(
        self, order_id: str, customer_id: str | None = None, version: int | None = None
    ) -> CancelOrderResult:
        """``version``: cancel only this version of the order, else raise PreconditionFailed.

        Raises OrderNotFound, IllegalMove, InventoryUnavailable, StoreUnavailable.
        """
        deadline = self._clock.monotonic() + self._move_budget
        order = self._get_order(order_id, customer_id)
        if order.status is OrderStatus.CANCELLED:
            return _result(order)
        if version is not None and order.version != version:
            raise PreconditionFailed(order.version)
        if order.cancel_requested_at is None:
            order = self._record(order)
        if not order.awaits_stock:
            # The order is stuck, or a request at the same time has cancelled the order.
            return _result(order)
        try:
            moved = self._stock.move(order, deadline)
        except (InventoryUnavailable, StoreUnavailable, OutcomeUnknown):
            return CancelOrderResult(order, deferred=True)
        return _result(moved)

    def _record(self, order: Order) -> Order:
        self._stock.require_available()
        requested = order.request_cancel(self._clock.now())
        try:
            return self._orders.save(requested)
        except VersionConflict:
            current = self._orders.get(order.id)
            if current is None or current.cancel_requested_at is None:
                raise
            return current


def _result(order: Order) -> CancelOrderResult:
    return CancelOrderResult(order, deferred=order.status is not OrderStatus.CANCELLED)
