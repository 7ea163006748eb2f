"""The orders that wait too long: stuck orders, and orders that settlement has yet to finish."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from order_service.application.clock import Clock
from order_service.domain.order import Order


class WaitingOrders(Protocol):
    """All methods return the orders that have waited longest first."""

    def stuck(self, limit: int) -> list[Order]: ...

    def unsettled(self, before: datetime, limit: int) -> list[Order]:
        """Orders that wait for their stock since before ``before``, stuck orders too."""
        ...

    def held_until(self, now: datetime, limit: int) -> list[Order]:
        """Held orders whose hold was over at ``now``."""
        ...


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Oldest first, as stored at ``now`` by the store's clock. ``holds``: held orders whose hold
    was over ``settle_after`` ago and more. ``more``: the limit was reached."""

    stuck: list[Order]
    overdue: list[Order]
    holds: list[Order]
    now: datetime
    more: bool


class ListOpenOrders:
    """``settle_after``: how long an order may wait before settlement takes it up."""

    def __init__(self, orders: WaitingOrders, clock: Clock, settle_after: timedelta) -> None:
        self._orders = orders
        self._clock = clock
        self._settle_after = settle_after

    def __call__(self, limit: int) -> OpenOrders:
        """At most ``limit`` orders of each kind. Raises StoreUnavailable."""
        now = self._clock.now()
        stuck = self._orders.stuck(limit)
        waiting = self._orders.unsettled(now - self._settle_after, limit)
        overdue = [order for order in waiting if order.stuck is None]
        holds = self._orders.held_until(now - self._settle_after, limit)
        more = limit in (len(stuck), len(waiting), len(holds))
        return OpenOrders(stuck, overdue, holds, now, more)
