"""A line of the log for what the service does with an order by itself: no request tells of it."""

from collections.abc import Sequence
from typing import Final

import structlog

from order_service.domain.history import EXPIRY, SETTLEMENT, Change, Entry
from order_service.domain.order import Order

_BY_ITSELF: Final = (SETTLEMENT, EXPIRY)
_ENDS: Final = {
    Change.ORDER_RESERVED: "order_settled",
    Change.ORDER_CREATED: "order_settled",
    Change.ORDER_FAILED: "order_settled",
    Change.ORDER_CANCELLED: "order_settled",
    Change.ORDER_EXPIRED: "order_expired",
}

log = structlog.get_logger(__name__)


class OrderLines:
    """Hears of the repository's writes."""

    def wrote(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        for order in stored:
            for entry in order.new_history:
                _tell(order, entry)


def _ids(order: Order) -> dict[str, str | None]:
    """Of the order's own request: another request may find and finish what was left of it."""
    request_id = order.origin.request_id if order.origin else None
    return {"order_id": order.id, "request_id": request_id}


def _tell(order: Order, entry: Entry) -> None:
    if entry.event is Change.ORDER_STUCK and order.stuck is not None:
        items = order.stuck.items
        log.warning("order_stuck", **_ids(order), reason=entry.reason, items=items)
    elif entry.event in _ENDS and entry.by in _BY_ITSELF:
        log.info(
            _ENDS[entry.event],
            **_ids(order),
            status=str(entry.status),
            by=str(entry.by.kind),
            reason=entry.reason,
        )
