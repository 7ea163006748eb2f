"""What each type of an order's event means, for the documents that describe the events."""

from dataclasses import dataclass
from typing import Final

from order_service.domain.events import OrderEventType
from order_service.domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class Kind:
    """What all events of the type have in common. ``sequences``: the places that such an event can
    have in its order's life. ``is_priced``: the order took its stock, and so has prices."""

    type: OrderEventType
    status: OrderStatus
    sequences: tuple[int, ...]
    meaning: str
    is_priced: bool = True


KINDS: Final = (
    Kind(
        OrderEventType.ORDER_RESERVED,
        OrderStatus.RESERVED,
        (1,),
        "The stock is taken, and held until the order is confirmed, is cancelled or expires.",
    ),
    Kind(
        OrderEventType.ORDER_CREATED,
        OrderStatus.COMPLETED,
        (1, 2),
        "The order is sold; a held order is sold once it is confirmed.",
    ),
    Kind(
        OrderEventType.ORDER_FAILED,
        OrderStatus.FAILED,
        (1,),
        "The order failed, and has no stock.",
        is_priced=False,
    ),
    Kind(
        OrderEventType.ORDER_CANCELLED,
        OrderStatus.CANCELLED,
        (2, 3),
        "The order is cancelled, and its stock is given back.",
    ),
    Kind(
        OrderEventType.ORDER_EXPIRED,
        OrderStatus.EXPIRED,
        (2,),
        "Nobody confirmed the order in time, and its stock is given back.",
    ),
)
