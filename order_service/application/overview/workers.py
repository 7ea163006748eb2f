"""The workers of the fleet: what each tells of itself, and what is seen of all of them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from order_service.application.clock import Clock
from order_service.application.readiness import DependencyState
from order_service.domain.errors import OrderServiceError

# Seconds: who was seen within so many is alive, and who was not for so many is forgotten.
ALIVE_WITHIN: Final = 15
FORGOTTEN_AFTER: Final = 3600


class PartitionLag(NamedTuple):
    """``lag``: records of the partition that are not logged yet."""

    topic: str
    partition: int
    lag: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker tells. ``up_for``: seconds since the worker began."""

    id: str
    version: str
    up_for: float
    parts: Sequence[DependencyState]
    partitions: Sequence[PartitionLag]


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """``started_at``, ``seen_at`` and ``alive`` are by the store's clock; ``since`` of the parts is
    by the worker's own."""

    id: str
    version: str
    started_at: datetime
    seen_at: datetime
    alive: bool
    parts: Sequence[DependencyState]
    partitions: Sequence[PartitionLag]


class ToldWorkers(Protocol):
    """Each method raises StoreUnavailable."""

    def tell(self, beat: Beat) -> None:
        """In place of what that worker told before; now, by the store's clock, it was seen."""
        ...

    def forget(self, worker_id: str) -> None: ...


class SeenWorkers(Protocol):
    def seen(self) -> list[SeenWorker]:
        """Those seen within FORGOTTEN_AFTER, alive ones first. Raises StoreUnavailable."""
        ...


class Heartbeat:
    """One worker's. ``worker_id``: no other worker has it, on whatever host."""

    def __init__(self, workers: ToldWorkers, worker_id: str, version: str, clock: Clock) -> None:
        self._workers = workers
        self._id = worker_id
        self._version = version
        self._clock = clock
        self._began = clock.monotonic()
        self._has_told = False

    def beat(self, parts: Sequence[DependencyState], partitions: Sequence[PartitionLag]) -> None:
        """Raises StoreUnavailable."""
        self._has_told = True
        up_for = self._clock.monotonic() - self._began
        self._workers.tell(Beat(self._id, self._version, up_for, parts, partitions))

    def end(self) -> None:
        """The worker ends in order. Where that can't be told, the worker is taken for dead."""
        if self._has_told:
            with suppress(OrderServiceError):
                self._workers.forget(self._id)
