"""Change a stored order on a caller's behalf, and again where somebody else was faster."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from order_service.application.correlation import Correlation
from order_service.application.orders.get import GetOrder
from order_service.application.orders.ports import OrderRepository
from order_service.domain.errors import PreconditionFailed, VersionConflict
from order_service.domain.history import Actor
from order_service.domain.order import Order

_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """``by``: who asks for the change. ``customer_id``: whose order it must be; None for anybody's.
    ``version``: the version that the order must still have; None for any."""

    order_id: str
    by: Actor
    customer_id: str | None = None
    version: int | None = None


def require_version(order: Order, version: int | None) -> None:
    """``version``: the one that a caller saw; None for any. Raises PreconditionFailed."""
    if version is not None and order.version != version:
        raise PreconditionFailed(order.version)


class Changing:
    def __init__(self, orders: OrderRepository, correlation: Correlation) -> None:
        self._orders = orders
        self._read = GetOrder(orders, correlation)
        self._correlation = correlation

    def __call__(
        self,
        asked: Asked,
        change: Callable[[Order], Order],
        is_done: Callable[[Order], bool] = lambda order: False,
    ) -> Order:
        """The order as stored after ``change``; as it is where it ``is_done`` already.

        Raises OrderNotFound, PreconditionFailed, what ``change`` raises, VersionConflict where
        others were faster again and again, and StoreUnavailable.
        """
        for _ in range(_TRIES):
            order = self._read(asked.order_id, asked.customer_id)
            if is_done(order):
                return order
            require_version(order, asked.version)
            with suppress(VersionConflict):
                return self._orders.save(change(order.asked_by(self._correlation.origin())))
        raise VersionConflict("Others changed the order at the same time, again and again.")
