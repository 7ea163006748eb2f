"""An item's lease: only the lease's holder reads and overwrites the item's stock."""

from dataclasses import dataclass
from typing import Protocol

from order_service.domain.order import Intent


@dataclass(frozen=True, slots=True)
class Lease:
    """An item's lease as it was read or acquired.

    ``fence`` grows with each acquisition. ``held``: the lease has a holder, and has not expired by
    the store's clock. ``intent``: the intent that was recorded and not cleared.
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

        None when the lease is held, or its fence is no longer the fence that was seen.
        """
        ...

    def clear(self, lease: Lease) -> bool:
        """Durably clear the intent and give the lease back; False when the lease was lost."""
        ...

    def release(self, lease: Lease) -> None:
        """``clear`` for an intent whose orders are saved: best effort, without waiting for the
        journal. If the release fails, the lease ends by its expiry. Raises nothing."""
        ...
