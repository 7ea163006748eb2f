"""Finish the orders that another process began and left unfinished."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.domain.errors import OrderServiceError
from order_service.domain.order import Order

BATCH = 100

# Called with each order whose settlement failed, and with the error.
Failed = Callable[[Order, OrderServiceError], None]


class UnsettledOrders(Protocol):
    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        """Orders that wait for stock since before ``before``, oldest first, stuck orders too.

        ``after``: the last orders of the previous page: all that wait since the same time.
        """
        ...


class StockRecovery(Protocol):
    def recover(self, order: Order, deadline: float) -> Order:
        """Finish an order from evidence; return the order as stored. ``deadline`` in monotonic
        seconds.

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
        self,
        orders: UnsettledOrders,
        stock: StockRecovery,
        clock: Clock,
        overdue: Overdue,
        correlation: Correlation = UNCORRELATED,
        failed: Failed = lambda order, error: None,
    ) -> None:
        self._correlation = correlation
        self._orders = orders
        self._stock = stock
        self._clock = clock
        self._overdue = overdue
        self._failed = failed
        self._failing: set[tuple[str, ...]] = set()

    def __call__(self) -> int:
        """Make one pass over the overdue orders; return how many orders no longer wait."""
        unreachable: set[tuple[str, ...]] = set()
        settled = 0
        for order in self._hopeful_first():
            if _needs_one_of(unreachable, order):
                continue
            try:
                deadline = self._clock.monotonic() + self._overdue.move_budget
                with self._correlation.working_on("settle order", [order]):
                    settled += self._stock.recover(order, deadline).phase.is_settled
            except OrderServiceError as error:
                # The order, and the other orders of its items, are left for the next pass. Nobody
                # knows which of several items failed, so an order of a part of them is tried.
                unreachable.add(order.item_ids)
                self._failed(order, error)
        self._failing = unreachable
        return settled

    def _hopeful_first(self) -> Iterator[Order]:
        """The orders of items that failed in the last pass come last: each may use up its whole
        budget again, and enough failures open the circuit breaker for every item."""
        failing = self._failing
        if not failing:
            return self._overdue_orders()
        return chain(
            (each for each in self._overdue_orders() if not _needs_one_of(failing, each)),
            (each for each in self._overdue_orders() if _needs_one_of(failing, each)),
        )

    def _overdue_orders(self) -> Iterator[Order]:
        return all_unsettled(self._orders, self._clock.now() - self._overdue.settle_after)


def all_unsettled(orders: UnsettledOrders, before: datetime) -> Iterator[Order]:
    """Page by page, so that orders that can't be settled hold up no order behind them."""
    last: list[Order] = []
    while page := orders.unsettled(before, BATCH, last):
        yield from page
        since = page[-1].awaiting_since
        last = [order for order in (*last, *page) if order.awaiting_since == since]


def _needs_one_of(failing: Set[tuple[str, ...]], order: Order) -> bool:
    """Whether the order has all the items of one of those sets."""
    items = set(order.item_ids)
    return any(items.issuperset(each) for each in failing)
