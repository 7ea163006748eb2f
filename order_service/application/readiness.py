"""Check every dependency, each in a thread of its own and within a time-out."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from order_service.application.questions import Asked, Question
from order_service.domain.errors import OrderServiceError

# Called with a dependency's name, and with the unexpected error that its check raised.
Unforeseen = Callable[[str, Exception], None]


class Dependency(Protocol):
    """A part that the service needs. ``required``: without it the process can serve nothing."""

    name: str
    required: bool

    @property
    def missing_since(self) -> datetime | None:
        """Since when it has been missing, where it knows that by itself."""
        ...

    def check(self) -> None:
        """Raises the OrderServiceError that says what is missing."""
        ...


@dataclass(frozen=True, slots=True)
class DependencyState:
    """``problem``: None when the dependency is there. ``since``: as the dependency knows it, or
    else when the first of the checks in a row began that found it missing. ``required``: as
    Dependency has it."""

    name: str
    required: bool
    problem: str | None
    since: datetime | None = None


class Lasting:
    """Since when something has been missing. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: datetime | None = None

    def since(self, missing: bool, began: datetime | None = None) -> datetime | None:
        """Note whether it is missing now. ``began``: when it began to be, where that is known;
        counts for the first time in a row."""
        with self._lock:
            self._since = (self._since or began or datetime.now(UTC)) if missing else None
            return self._since


class CheckReadiness:
    """``timeout``: seconds after which a dependency that does not answer counts as missing.

    All callers at once share one check of each dependency, as Question has it.
    """

    def __init__(
        self, dependencies: Sequence[Dependency], timeout: float, unforeseen: Unforeseen
    ) -> None:
        self._checks = [_Check(each, timeout, unforeseen) for each in dependencies]

    def __call__(self) -> list[DependencyState]:
        under_way = [check.begin() for check in self._checks]
        return [check.state(asked) for check, asked in zip(self._checks, under_way, strict=True)]


class _Check:
    """The checks of one dependency, one at a time."""

    def __init__(self, dependency: Dependency, timeout: float, unforeseen: Unforeseen) -> None:
        self._dependency = dependency
        self._unforeseen = unforeseen
        self._lasting = Lasting()
        self.begin = Question(f"ready-{dependency.name}", self._problem, timeout).begin

    def state(self, asked: Asked[str | None]) -> DependencyState:
        try:
            problem = asked.wait()
        except TimeoutError:
            problem = f"No answer for {asked.elapsed:.1f} s."
        except RuntimeError:
            problem = "The check could not start: the process can have no more threads."
        asked_at = datetime.now(UTC) - timedelta(seconds=asked.elapsed)
        since = self._lasting.since(problem is not None, asked_at)
        if problem is not None:
            since = self._dependency.missing_since or since
        return DependencyState(self._dependency.name, self._dependency.required, problem, since)

    def _problem(self) -> str | None:
        try:
            self._dependency.check()
        except OrderServiceError as error:
            return error.message
        except Exception as error:  # noqa: BLE001  (the last resort for a dependency's answer)
            self._unforeseen(self._dependency.name, error)
            return "The check ended in an unexpected error; the log has the cause."
        return None
