"""What both ways of moving stock share."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime

from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.domain.order import Failure, FailureCode, Order, Stuck

Change = Callable[[Order], Order]


def store_changed(
    repository: OrderRepository, orders: Sequence[Order], change: Change
) -> dict[str, Order]:
    """Save each order changed, on the newer version where a save lost a race.

    An order that somebody else settled meanwhile is answered as it stands.
    """
    settled: dict[str, Order] = {}
    waiting = list(orders)
    while waiting:
        changed = [change(order) for order in waiting]
        if repository.save_all(changed):
            return settled | {order.id: order.saved() for order in changed}
        current = repository.get_many([order.id for order in waiting])
        settled |= {order.id: order for order in current}
        waiting = [order for order in current if order.awaits_stock]
    return settled


def fail_for_missing_item(order: Order, at: datetime) -> Order:
    if order.stock_change > 0:
        reason = "The inventory no longer has the item, so its stock can't be given back."
        return order.mark_stuck(Stuck(reason, at))
    return order.fail(Failure(FailureCode.ITEM_NOT_FOUND), at)


class Attempts:
    """At once, then again after growing, jittered pauses until the given monotonic second."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock = clock
        self._until = until
        self._pause = 0.0

    def __iter__(self) -> "Attempts":
        return self

    def __next__(self) -> None:
        if self._pause:
            left = self._until - self._clock.monotonic()
            if left <= 0:
                raise StopIteration
            self._clock.sleep(min(left, self._pause * random.uniform(0.5, 1)))  # noqa: S311
        self._pause = min(0.1, max(0.005, self._pause * 1.5))
