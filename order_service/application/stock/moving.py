"""Functions that both stock movers share."""

from collections.abc import Callable, Sequence
from datetime import datetime

from order_service.application.orders.ports import OrderRepository
from order_service.domain.order import Failure, FailureCode, Order, Stuck

Change = Callable[[Order], Order]


def store_changed(
    repository: OrderRepository, orders: Sequence[Order], change: Change
) -> dict[str, Order]:
    """Change and save each order; where a save lost a race, change and save the newer version.

    An order that somebody else settled meanwhile is returned as stored.
    """
    settled: dict[str, Order] = {}
    waiting = {order.id: order for order in orders}
    while waiting:
        for saved in repository.save_all([change(order) for order in waiting.values()]):
            settled[saved.id] = saved
            del waiting[saved.id]
        if waiting:
            current = {order.id: order for order in repository.get_many(list(waiting))}
            settled |= current
            waiting = {order.id: order for order in current.values() if order.awaits_stock}
    return settled


def fail_for_missing_item(order: Order, at: datetime) -> Order:
    if order.stock_change > 0:
        reason = "The inventory no longer has the item, so its stock can't be given back."
        return order.mark_stuck(Stuck(reason, at))
    return order.fail(Failure(FailureCode.ITEM_NOT_FOUND), at)
