"""Restart a part of the worker that fails, while the other parts and the process go on."""

import time
from datetime import UTC, datetime
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter

from order_service.application.backoff import delays
from order_service.application.outage import iso
from order_service.interface.worker.problems import Problem

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 15.0
# Seconds that a part has to run before its next failure counts as a new one.
_PROVEN: Final = 10.0

log = structlog.get_logger(__name__)


class RestartMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.restarts = Counter(
            "order_service_worker_restarts",
            "Parts that ended in an unexpected error and were started again.",
            ["part"],
            registry=registry,
        )


class Restarts:
    """The restarts of one part. The part's thread calls ``failed`` and ``well``; other threads read
    ``problem``."""

    def __init__(self, name: str, metrics: RestartMetrics) -> None:
        self.name = name
        self._counted = metrics.restarts.labels(name)
        self._waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
        self._begun: float | None = None
        self._since: datetime | None = None
        self._times = 0
        self._error = ""

    def begun(self) -> None:
        """The part runs. The part counts as well again once it has run for a while."""
        self._begun = time.monotonic()

    def well(self) -> None:
        self._waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
        self._since, self._times = None, 0

    def failed(self, error: Exception) -> float:
        """Call this in the ``except`` block of ``error``. Returns the seconds to wait before the
        next start."""
        if self._proven:
            self.well()
        self._begun = None
        self._since = self._since or datetime.now(UTC)
        self._times += 1
        self._error = type(error).__name__
        self._counted.inc()
        delay = next(self._waits)
        log.exception("part_failed", part=self.name, times=self._times, restart_in=round(delay, 1))
        return delay

    @property
    def problem(self) -> Problem | None:
        since = self._since
        if since is None or self._proven:
            return None
        detail = (
            f"Failing since {iso(since)} ({self._times} times, {self._error}); the worker starts "
            "the part again by itself, and the log has the cause."
        )
        return Problem(detail, since)

    @property
    def _proven(self) -> bool:
        return self._begun is not None and time.monotonic() - self._begun > _PROVEN
