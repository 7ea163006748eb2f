"""What the processes count, in slots of time that all of them share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

K = TypeVar("K")

SLOT_SECONDS: Final = 15
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Counted:
    """``orders``: by their outcome. ``creates``: requests that create orders, by the bucket of
    their duration, which is named by its upper bound in seconds (inf: the last one). Each request
    is in one bucket alone, and where any was counted, empty buckets are named too: the bound
    before a bucket's own is its lower one."""

    orders: Mapping[str, int]
    creates: Mapping[float, int]

    def since(self, before: "Counted") -> "Counted":
        """What came after ``before``, without what stayed as it was."""
        creates = _grown(self.creates, before.creates)
        orders = _grown(self.orders, before.orders)
        return Counted(
            {outcome: number for outcome, number in orders.items() if number},
            creates if any(creates.values()) else {},
        )

    @property
    def is_empty(self) -> bool:
        return not self.orders and not self.creates


def _grown(now: Mapping[K, int], before: Mapping[K, int]) -> dict[K, int]:
    return {key: max(0, number - before.get(key, 0)) for key, number in now.items()}


@dataclass(frozen=True, slots=True)
class Sample:
    """``at``: the beginning of the slot in which it was told."""

    at: datetime
    counted: Counted


class Samples(Protocol):
    """Each method raises StoreUnavailable."""

    def add(self, sample: Sample) -> None:
        """Add it to what there is of its slot."""
        ...

    def since(self, first: datetime) -> list[Sample]:
        """Those of the slots from ``first`` on, oldest first."""
        ...


def slot_of(moment: datetime) -> datetime:
    """The beginning of its slot."""
    slot = timedelta(seconds=SLOT_SECONDS)
    return _EPOCH + (moment - _EPOCH) // slot * slot
