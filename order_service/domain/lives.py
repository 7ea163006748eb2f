"""The lives that an order can have, as its events tell them."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import count, pairwise
from typing import Final

from order_service.domain.events import OrderEvent
from order_service.domain.status import OrderStatus

Life = tuple[OrderStatus, ...]

# What each event leaves the order as: the first event the first. A life may end before its end.
LIVES: Final[Sequence[Life]] = (
    (OrderStatus.FAILED,),
    (OrderStatus.COMPLETED, OrderStatus.CANCELLED),
    (OrderStatus.RESERVED, OrderStatus.COMPLETED, OrderStatus.CANCELLED),
    (OrderStatus.RESERVED, OrderStatus.CANCELLED),
    (OrderStatus.RESERVED, OrderStatus.EXPIRED),
)


def lives_with(events: Sequence[OrderEvent]) -> list[Life]:
    """The lives that the events can be a part of; none where the events contradict each other.

    ``events``: of one order, by their sequence, at least one. Those before them and after them may
    be missing, for a topic keeps events for a while, and the last may not be published yet; none in
    between may be missing.
    """
    first = events[0].sequence - 1
    follow = all(event.sequence - 1 == at for event, at in zip(events, count(first)))
    in_time = all(one.occurred_at <= next_.occurred_at for one, next_ in pairwise(events))
    if first < 0 or not follow or not in_time or len({_goods(event) for event in events}) > 1:
        return []
    told = tuple(OrderStatus(event.status) for event in events)
    return [life for life in LIVES if life[first : first + len(told)] == told]


def _goods(event: OrderEvent) -> tuple[tuple[str, int, Decimal | None], ...]:
    return tuple((line.item_id, line.quantity, line.unit_price) for line in event.lines)
