"""Finish the orders that whoever began them left behind."""

from dataclasses import dataclass
from datetime import timedelta

from order_service.application.ports import Clock, OrderRepository, StockMover
from order_service.domain.errors import OrderServiceError

BATCH = 100


@dataclass(frozen=True, slots=True)
class Overdue:
    """``settle_after``: how long an order may wait for its stock; ``move_budget``: seconds for one
    order's recovery."""

    settle_after: timedelta
    move_budget: float


class SettleOrders:
    def __init__(
        self, orders: OrderRepository, stock: StockMover, clock: Clock, overdue: Overdue
    ) -> None:
        self._orders = orders
        self._stock = stock
        self._clock = clock
        self._overdue = overdue

    def __call__(self) -> int:
        """One pass over the overdue orders; answers how many no longer wait."""
        before = self._clock.now() - self._overdue.settle_after
        unreachable: set[str] = set()
        settled = 0
        for order in self._orders.unsettled(before, BATCH):
            if order.item_id in unreachable:
                continue
            try:
                deadline = self._clock.monotonic() + self._overdue.move_budget
                settled += not self._stock.recover(order, deadline).stock_change
            except OrderServiceError:
                # It stays overdue for the next pass, and so do the others of its item.
                unreachable.add(order.item_id)
        return settled
