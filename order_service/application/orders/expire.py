"""Expire the holds that are over: record the expiry, give the stock back, store EXPIRED."""

from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.ports import OrderRepository, StockMover
from order_service.domain.errors import (
    InventoryUnavailable,
    OutcomeUnknown,
    StoreUnavailable,
)
from order_service.domain.order import Order

# Orders whose expiry one round records. Their stock goes back side by side, so that the orders of
# one item share its overwrites.
AT_ONCE: Final = 32


class HeldOrders(OrderRepository, Protocol):
    """The repository, with what an expiry needs."""

    def held_until(self, now: datetime, limit: int) -> list[Order]:
        """Held orders whose hold was over at ``now``, those first that were over first."""
        ...


class InventoryCheck(Protocol):
    def check(self) -> None:
        """Raises the OrderServiceError that says why the inventory can't be asked."""
        ...


class ExpireOrders:
    """``move_budget``: seconds in which the stock of a round must have been given back."""

    def __init__(
        self,
        orders: HeldOrders,
        stock: StockMover,
        inventory: InventoryCheck,
        clock: Clock,
        executor: Executor,
        move_budget: float,
        correlation: Correlation = UNCORRELATED,
    ) -> None:
        self._correlation = correlation
        self._orders = orders
        self._stock = stock
        self._inventory = inventory
        self._clock = clock
        self._executor = executor
        self._move_budget = move_budget

    def __call__(self) -> int:
        """Expire holds that are over, those first that were over first, and as many as one round
        trip records; return how many orders are EXPIRED by that.

        Raises InventoryUnavailable where the inventory is away: the holds stay, and can still be
        confirmed. Settlement finishes the orders whose stock could not be given back in time.
        """
        now = self._clock.now()
        held = self._orders.held_until(now, AT_ONCE)
        if not held:
            return 0
        self._stock.require_available()
        self._inventory.check()
        # A hold that somebody confirms, extends, cancels or expires meanwhile is left out.
        expiring = self._orders.save_all([order.expire(now) for order in held])
        deadline = self._clock.monotonic() + self._move_budget
        return sum(self._executor.map(partial(self._give_back, deadline), expiring))

    def _give_back(self, deadline: float, order: Order) -> bool:
        try:
            with self._correlation.working_on("expire order", [order]):
                return self._stock.move(order, deadline).phase.is_settled
        except (InventoryUnavailable, OutcomeUnknown, StoreUnavailable):
            return False
