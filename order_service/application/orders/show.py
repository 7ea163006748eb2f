"""Read an order with its unpublished events."""

from dataclasses import dataclass
from typing import Protocol

from order_service.application.orders.ports import OrderReader
from order_service.domain.errors import OrderNotFound
from order_service.domain.events import OrderEvent
from order_service.domain.order import Order


class UnpublishedEvents(Protocol):
    def unpublished_of(self, order_id: str) -> list[OrderEvent]:
        """The order's events that are not published yet, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class WholeOrder:
    """``unpublished``: the order's events that are not published yet, oldest first."""

    order: Order
    unpublished: list[OrderEvent]


class ShowOrder:
    def __init__(self, orders: OrderReader, outbox: UnpublishedEvents) -> None:
        self._orders = orders
        self._outbox = outbox

    def __call__(self, order_id: str) -> WholeOrder:
        """Raises OrderNotFound, StoreUnavailable."""
        # The events are read first: an event that is published meanwhile is shown, not missed.
        unpublished = self._outbox.unpublished_of(order_id)
        order = self._orders.get(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return WholeOrder(order, unpublished)
