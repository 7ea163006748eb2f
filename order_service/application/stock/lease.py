"""An item's lease: whoever holds it is the only one who reads and overwrites the item's stock."""

from dataclasses import dataclass
from typing import Protocol

from order_service.domain.order import Intent


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
