"""Check every dependency, each in a thread of its own and within a time-out."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from order_service.domain.errors import OrderServiceError

# Called with a dependency's name, and with the unexpected error that its check raised.
Unforeseen = Callable[[str, Exception], None]
_Answer = Future[str | None]


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

    However many callers ask at once, each dependency is checked once, and all callers share the
    answer. So a dependency that hangs occupies one thread, and no other check waits behind it.
    """

    def __init__(
        self, dependencies: Sequence[Dependency], timeout: float, unforeseen: Unforeseen
    ) -> None:
        self._checks = [_Check(each, timeout, unforeseen) for each in dependencies]

    def __call__(self) -> list[DependencyState]:
        under_way = [check.begin() for check in self._checks]
        return [
            check.state(answer, began)
            for check, (answer, began) in zip(self._checks, under_way, strict=True)
        ]


class _Check:
    """The checks of one dependency, one at a time."""

    def __init__(self, dependency: Dependency, timeout: float, unforeseen: Unforeseen) -> None:
        self._dependency = dependency
        self._timeout = timeout
        self._unforeseen = unforeseen
        self._beginning = threading.Lock()
        self._last: tuple[_Answer, float] | None = None
        self._lasting = Lasting()

    def begin(self) -> tuple[_Answer, float]:
        """The answer to come, and the monotonic second at which its check began."""
        with self._beginning:
            if self._last is None or self._last[0].done():
                self._last = Future(), time.monotonic()
                self._start(self._last[0])
            return self._last

    def _start(self, answer: _Answer) -> None:
        name = f"ready-{self._dependency.name}"
        # A daemon: a check that hangs must not hold up the end of the process.
        thread = threading.Thread(target=self._run, args=(answer,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            answer.set_result("The check could not start: the process can have no more threads.")

    def state(self, answer: _Answer, began: float) -> DependencyState:
        """Waits for the answer until ``timeout`` seconds after the check began, so that a later
        caller waits less for a dependency that hangs."""
        try:
            problem = answer.result(max(0.0, began + self._timeout - time.monotonic()))
        except TimeoutError:
            problem = f"No answer for {time.monotonic() - began:.1f} s."
        asked_at = datetime.now(UTC) - timedelta(seconds=time.monotonic() - began)
        since = self._lasting.since(problem is not None, asked_at)
        if problem is not None:
            since = self._dependency.missing_since or since
        return DependencyState(self._dependency.name, self._dependency.required, problem, since)

    def _run(self, answer: _Answer) -> None:
        answer.set_result(self._problem())

    def _problem(self) -> str | None:
        try:
            self._dependency.check()
        except OrderServiceError as error:
            return error.message
        except Exception as error:  # noqa: BLE001  (the last resort for a dependency's answer)
            self._unforeseen(self._dependency.name, error)
            return "The check ended in an unexpected error; the log has the cause."
        return None
