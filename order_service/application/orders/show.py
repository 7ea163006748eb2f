"""Read an order with its history and its unpublished events."""

from dataclasses import dataclass
from typing import Protocol

from order_service.application.orders.history import OrderHistory, ReadHistory
from order_service.domain.events import OrderEvent
from order_service.domain.order import Order


class UnpublishedEvents(Protocol):
    def unpublished_of(self, order_id: str) -> list[OrderEvent]:
        """The order's events that are not published yet, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class WholeOrder:
    """``unpublished``: the order's events that are not published yet, oldest first."""

    history: OrderHistory
    unpublished: list[OrderEvent]

    @property
    def order(self) -> Order:
        return self.history.order


class ShowOrder:
    def __init__(self, read_history: ReadHistory, outbox: UnpublishedEvents) -> None:
        self._read_history = read_history
        self._outbox = outbox

    def __call__(self, order_id: str) -> WholeOrder:
        """Raises OrderNotFound, StoreUnavailable."""
        # The events are read first: an event that is published meanwhile is shown, not missed.
        unpublished = self._outbox.unpublished_of(order_id)
        return WholeOrder(self._read_history(order_id), unpublished)
