"""Finish the orders that whoever began them left behind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol

from order_service.application.clock import Clock
from order_service.domain.errors import OrderServiceError
from order_service.domain.order import Order

BATCH = 100


class UnsettledOrders(Protocol):
    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        """Orders that wait for their stock since before that time, oldest first, stuck ones too.

        ``after``: the last ones of the page before, all that wait since the same time.
        """
        ...


class StockRecovery(Protocol):
    def recover(self, order: Order, deadline: float) -> Order:
        """Finish, from evidence, an order that whoever began it left behind; answers the order as
        stored. ``deadline`` in monotonic seconds.

        Raises InventoryUnavailable, StoreUnavailable and OutcomeUnknown when the order still waits.
        """
        ...


@dataclass(frozen=True, slots=True)
class Overdue:
    """``settle_after``: how long an order may wait for its stock; ``move_budget``: seconds for one
    order's recovery."""

    settle_after: timedelta
    move_budget: float


class SettleOrders:
    def __init__(
        self, orders: UnsettledOrders, stock: StockRecovery, clock: Clock, overdue: Overdue
    ) -> None:
        self._orders = orders
        self._stock = stock
        self._clock = clock
        self._overdue = overdue
        self._failing: set[str] = set()

    def __call__(self) -> int:
        """One pass over the overdue orders; answers how many no longer wait."""
        unreachable: set[str] = set()
        settled = 0
        for order in self._hopeful_first():
            if order.item_id in unreachable:
                continue
            try:
                deadline = self._clock.monotonic() + self._overdue.move_budget
                settled += self._stock.recover(order, deadline).phase.is_settled
            except OrderServiceError:
                # It stays overdue for the next pass, and so do the others of its item.
                unreachable.add(order.item_id)
        self._failing = unreachable
        return settled

    def _hopeful_first(self) -> Iterator[Order]:
        """The items that failed in the last pass come last: each of them may take its whole time
        again, and enough of them open the breaker for all."""
        failing = self._failing
        if not failing:
            return self._overdue_orders()
        return chain(
            (order for order in self._overdue_orders() if order.item_id not in failing),
            (order for order in self._overdue_orders() if order.item_id in failing),
        )

    def _overdue_orders(self) -> Iterator[Order]:
        """Page by page, so that what can't be settled holds up nothing behind it."""
        before = self._clock.now() - self._overdue.settle_after
        last: list[Order] = []
        while page := self._orders.unsettled(before, BATCH, last):
            yield from page
            since = page[-1].awaiting_since
            last = [order for order in (*last, *page) if order.awaiting_since == since]
