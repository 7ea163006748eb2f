"""An item's lease: only the lease's holder reads and overwrites the item's stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from order_service.domain.moves import Intent


@dataclass(frozen=True, slots=True)
class Primary:
    """The lease that decides a commit of several items: ``item_id``'s lease, once it is taken with
    this ``fence`` and the commit's intent."""

    item_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Lease:
    """An item's lease as it was read or acquired.

    ``fence`` grows with each acquisition. ``held``: the lease has a holder, and has not expired by
    the store's clock. ``intent``: the intent that was recorded and not cleared. ``primary``: the
    lease was taken for the commit that this primary decides, and was not cleared.
    """

    item_id: str
    fence: int
    held: bool
    intent: Intent | None
    primary: Primary | None = None

    @property
    def is_open(self) -> bool:
        """Whether something was recorded that has to be finished before anything else happens."""
        return self.intent is not None or self.primary is not None


class LeaseStore(Protocol):
    """One lease for each item. Expiry is judged by the store's clock alone."""

    def look(self, item_ids: Sequence[str]) -> list[Lease]:
        """The leases, in the order of ``item_ids``."""
        ...

    def look_durably(self, item_id: str) -> Lease:
        """The lease as a majority of the store's nodes has it: no failover takes that back."""
        ...

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        """Take the lease that was seen free, with the intent, in one journaled write.

        None when the lease is held, or its fence is no longer the fence that was seen.
        """
        ...

    def acquire_all(self, seen: Sequence[Lease], primary: Primary) -> list[Lease | None]:
        """``acquire`` for each lease, in one round trip, with the name of the primary."""
        ...

    def acquire_again(self, held: Lease, intent: Intent) -> Lease | None:
        """``acquire`` by the holder of a lease that was acquired without an intent.

        None when the fence is no longer that of the lease.
        """
        ...

    def renew(self, lease: Lease) -> bool:
        """Durably let the lease last from now on for its whole length; False when the lease was
        lost."""
        ...

    def clear(self, lease: Lease) -> bool:
        """Durably clear what the lease holds open, give the lease back and move its fence on; False
        when the fence had moved on already."""
        ...

    def release(self, leases: Sequence[Lease]) -> None:
        """``clear`` for a commit whose orders are saved: best effort, without waiting for the
        journal, and the fences stay. If the release fails, a lease ends by its expiry. Raises
        nothing."""
        ...
