"""What moving stock needs of the outside."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from order_service.domain.order import Intent
from order_service.domain.stock import StockReading


@dataclass(frozen=True, slots=True)
class Lease:
    """An item's lease as it was read or got.

    ``fence`` grows with each acquisition; ``held``: somebody's, and not expired by the store's
    clock; ``intent``: recorded and not cleared.
    """

    item_id: str
    fence: int
    held: bool
    intent: Intent | None


class LeaseStore(Protocol):
    """One lease for each item. Expiry is judged by the store's clock alone."""

    def look(self, item_id: str) -> Lease: ...

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        """Take the lease that was seen free, with the intent, in one journaled write.

        None when it is held, or its fence is no longer the one seen.
        """
        ...

    def clear(self, lease: Lease) -> bool:
        """Durably clear the intent and give the lease back; False when it was lost meanwhile."""
        ...

    def release(self, lease: Lease) -> None:
        """As ``clear`` for an intent whose orders are saved: at best effort, without waiting for
        the journal. If it fails, the lease ends by its expiry. Raises nothing."""
        ...


class Turns(Protocol):
    """Whose turn it is at an item, among the processes that can tell each other. A courtesy: a turn
    that can't be had soon is done without, and only the lease decides."""

    def at(self, item_id: str) -> AbstractContextManager[None]: ...


class OverwritingInventory(Protocol):
    """The absolute contract: stock is read, and overwritten with a new value."""

    def available(self) -> bool:
        """False while the circuit breaker sheds load."""
        ...

    def read(self, item_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        """Set the stock. Sent only if its time-outs end before ``not_after`` (monotonic seconds).

        Raises ItemNotFound, InventoryUnavailable (not sent), OutcomeUnknown.
        """
        ...


class ConditionalInventory(Protocol):
    """The conditional contract: each operation is carried out once, however often it is sent."""

    def available(self) -> bool: ...

    def deduct(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        """Raises InsufficientStock, ItemNotFound, InventoryUnavailable, OutcomeUnknown."""
        ...

    def restore(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable, OutcomeUnknown."""
        ...
