"""Functions that both stock movers share."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from datetime import datetime
from typing import Final, TypeVar

from order_service.application.orders.ports import OrderRepository
from order_service.domain.history import Actor
from order_service.domain.marks import Failure, FailureCode, Shortage, Stuck
from order_service.domain.order import Order

# Calls of one commit that are made side by side under a lease.
AT_ONCE: Final = 8

Change = Callable[[Order], Order]
T = TypeVar("T")
R = TypeVar("R")


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


def refuse(order: Order, short: Sequence[Shortage], at: datetime, by: Actor | None = None) -> Order:
    """The order fails for what is short or missing; stock that can't be given back is stuck."""
    is_missing = any(each.available is None for each in short)
    if order.phase.takes:
        code = FailureCode.ITEM_NOT_FOUND if is_missing else FailureCode.INSUFFICIENT_STOCK
        return order.fail(Failure(code, tuple(short)), at, by)
    names = ", ".join(each.item_id for each in short)
    reason = f"The inventory no longer has item {names}, so the stock can't be given back."
    return order.mark_stuck(Stuck(reason, at, tuple(order.stock_changes)), by=by)


def for_each(executor: Executor, call: Callable[[T], R], arguments: Sequence[T]) -> list[R]:
    """The calls' results, made side by side; a single call is made by this thread itself.

    Every call is over when this function ends. Raises the first call's error, in the order of the
    arguments.
    """
    if len(arguments) == 1:
        return [call(arguments[0])]
    futures = [executor.submit(copy_context().run, call, each) for each in arguments]
    for each in futures:
        each.exception()
    return [each.result() for each in futures]


def in_parts(arguments: Sequence[T]) -> list[Sequence[T]]:
    """Parts that are short enough to be moved within half of a lease, however slow the inventory
    is; one empty part where there is nothing."""
    starts = range(0, max(1, len(arguments)), AT_ONCE)
    return [arguments[start : start + AT_ONCE] for start in starts]
