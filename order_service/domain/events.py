"""The events of an order, as the service publishes them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from order_service.domain.line import Line
from order_service.domain.marks import Origin


class OrderEventType(StrEnum):
    """``ORDER_CREATED``: the order is sold; a held order tells it once it is confirmed."""

    ORDER_RESERVED = "ORDER_RESERVED"
    ORDER_CREATED = "ORDER_CREATED"
    ORDER_FAILED = "ORDER_FAILED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_EXPIRED = "ORDER_EXPIRED"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """``event_id`` is the same however often an event is published, so consumers drop repeats.
    ``sequence``: 1 for the first event of the order, 2 for the next. ``origin``: the request that
    asked for what the event tells of."""

    type: OrderEventType
    order_id: str
    lines: tuple[Line, ...]
    total_price: Decimal | None
    status: str
    occurred_at: datetime
    sequence: int
    origin: Origin | None = None

    @property
    def event_id(self) -> str:
        # Each type happens at most once in an order's life, so the pair is unique.
        return f"{self.order_id}-{self.type}"
