"""How the service is: this process's dependencies, the workers, and what waits to be done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from order_service.application.clock import Clock
from order_service.application.overview.backlog import Backlog
from order_service.application.overview.workers import SeenWorker, SeenWorkers
from order_service.application.questions import Asked, Question
from order_service.application.readiness import CheckReadiness, DependencyState, Unforeseen
from order_service.domain.errors import OrderServiceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Status:
    """``at``: by the store's clock, or by this process's own while the store is away; ``workers``
    and ``backlog`` are None then."""

    at: datetime
    dependencies: Sequence[DependencyState]
    workers: Sequence[SeenWorker] | None
    backlog: Backlog | None


@dataclass(frozen=True, slots=True)
class _Fleet:
    at: datetime
    workers: Sequence[SeenWorker]


class ReadStatus:
    """Raises nothing. ``timeout``: the seconds within which everything is asked, side by side; what
    does not answer by then is left out."""

    def __init__(
        self,
        check_readiness: CheckReadiness,
        workers: SeenWorkers,
        read_backlog: Callable[[], Backlog],
        clock: Clock,
        timeout: float,
        unforeseen: Unforeseen,
    ) -> None:
        self._check_readiness = check_readiness
        self._workers = workers
        self._clock = clock
        self._unforeseen = unforeseen
        self._fleet = Question("status-workers", self._trying("workers", self._look), timeout)
        self._backlog = Question("status-backlog", self._trying("backlog", read_backlog), timeout)

    def __call__(self) -> Status:
        fleet, backlog = self._fleet.begin(), self._backlog.begin()
        dependencies = self._check_readiness()
        seen = _answer(fleet)
        return Status(
            at=seen.at if seen else datetime.now(UTC),
            dependencies=dependencies,
            workers=seen.workers if seen else None,
            backlog=_answer(backlog),
        )

    def _look(self) -> _Fleet:
        return _Fleet(self._clock.now(), self._workers.seen())

    def _trying(self, name: str, ask: Callable[[], T]) -> Callable[[], T | None]:
        def tried() -> T | None:
            try:
                return ask()
            except OrderServiceError:
                return None
            except Exception as error:  # noqa: BLE001  (the rest of the status is told)
                self._unforeseen(name, error)
                return None

        return tried


def _answer(asked: Asked[T | None]) -> T | None:
    try:
        return asked.wait()
    except (TimeoutError, RuntimeError):
        return None
