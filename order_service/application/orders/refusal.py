"""Why an order was not carried out, as the error that a caller is told."""

from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    ShortItem,
)
from order_service.domain.marks import Failure, FailureCode
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


def require_not_refused(order: Order, *, replayed: bool = False) -> None:
    """Raises the error that says why the order was not carried out."""
    failure = order.failure
    if order.status is not OrderStatus.FAILED and not order.phase.is_given_up:
        return
    lines = len(order.lines)
    if failure and failure.code is FailureCode.INSUFFICIENT_STOCK:
        raise InsufficientStock(*_short_items(order, failure), lines=lines, replayed=replayed)
    if failure and failure.code is FailureCode.ITEM_NOT_FOUND:
        missing = (each.item_id for each in failure.short if each.available is None)
        short = _short_items(order, failure)
        raise ItemNotFound(*missing, short=short, lines=lines, replayed=replayed)
    raise InventoryUnavailable("The inventory did not carry out the order: send the order again.")


def _short_items(order: Order, failure: Failure) -> tuple[ShortItem, ...]:
    requested = {line.item_id: line.quantity for line in order.lines}
    return tuple(
        ShortItem(each.item_id, requested[each.item_id], each.available) for each in failure.short
    )
