"""Ports that several use cases of orders need. A port of one use case stands beside it."""

from collections.abc import Sequence
from typing import Protocol

from order_service.domain.order import Order


class OrderReader(Protocol):
    """Reads orders to show. An order may be stale for as long as the adapter says, so no decision
    rests on it."""

    def get(self, order_id: str) -> Order | None: ...


class OrderRepository(Protocol):
    """The stored orders, as they stand. Every write is acknowledged by a majority and journaled."""

    def get(self, order_id: str) -> Order | None: ...

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        """The orders that exist, in the order of ``order_ids``."""
        ...

    def save(self, order: Order) -> Order:
        """Replace the version that was loaded; the new events join the outbox, and the new entries
        the history, in the same write.

        Raises VersionConflict when somebody else saved the order first.
        """
        ...

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        """``save`` for each order, in one round trip. Returns the saved orders, as the store has
        them; an order that somebody else saved first is left out."""
        ...


class StockMover(Protocol):
    """Moves an order's stock and stores the outcome; one implementation for each contract."""

    def require_available(self) -> None:
        """Raises InventoryUnavailable while the circuit breaker is open."""
        ...

    def move(self, order: Order, deadline: float) -> Order:
        """Returns the order as stored: moved, or FAILED. ``deadline`` in monotonic seconds.

        Raises InventoryUnavailable or StoreUnavailable when nothing was sent, and OutcomeUnknown
        when settlement has to decide the order.
        """
        ...
