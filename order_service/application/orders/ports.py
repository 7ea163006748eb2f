"""What several use cases of orders need of the outside. What one of them needs stands beside it."""

from collections.abc import Sequence
from typing import Protocol

from order_service.domain.order import Order


class OrderReader(Protocol):
    """What an order is shown from. It may be behind by as long as its adapter says, so nothing is
    decided on it."""

    def get(self, order_id: str) -> Order | None: ...


class OrderRepository(Protocol):
    """The stored orders, as they stand. Every write is acknowledged by a majority and journaled."""

    def get(self, order_id: str) -> Order | None: ...

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        """Those that exist, in the order asked for."""
        ...

    def save(self, order: Order) -> Order:
        """Replace the version it was loaded at; its new events join the outbox in the same write.

        Raises VersionConflict when somebody else saved it first.
        """
        ...

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        """``save`` for each order, in one round trip. Answers the orders that were saved, as they
        stand in the store; an order that somebody else saved first is missing among them."""
        ...


class StockMover(Protocol):
    """Moves an order's stock and stores what became of the order: one for each contract."""

    def require_available(self) -> None:
        """Raises InventoryUnavailable while the circuit breaker is open."""
        ...

    def move(self, order: Order, deadline: float) -> Order:
        """Answers the order as stored: moved, or FAILED. ``deadline`` in monotonic seconds.

        Raises InventoryUnavailable or StoreUnavailable when nothing was sent, and OutcomeUnknown
        when the order's fate is left to settlement.
        """
        ...
