"""Work that the worker does again and again, each kind of work in its own thread."""

import threading
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter

from order_service.application.backoff import delays
from order_service.application.outage import Outage
from order_service.domain.errors import OrderServiceError, Unavailable
from order_service.interface.worker.restarts import Restarts

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 15.0

log = structlog.get_logger(__name__)


class ChoreMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.done = Counter(
            "order_service_worker_done",
            "Events published, orders settled, holds expired.",
            ["chore"],
            registry=registry,
        )
        self.failed = Counter(
            "order_service_worker_failed_rounds",
            "Rounds that ended in an error and are tried again.",
            ["chore"],
            registry=registry,
        )


class Chore:
    """``work`` does one round and returns how much it did. After less than ``full`` the chore
    pauses for ``interval`` seconds, because many small rounds would cost more than what they do.
    Whatever ``work`` raises, the chore tries again, after a growing pause."""

    def __init__(
        self,
        work: Callable[[], int],
        interval: float,
        full: int,
        metrics: ChoreMetrics,
        restarts: Restarts,
    ) -> None:
        self.name = restarts.name
        self._work = work
        self._interval = interval
        self._full = full
        self._restarts = restarts
        self._done = metrics.done.labels(self.name)
        self._failed = metrics.failed.labels(self.name)
        self._outage = Outage("chore_failed", log)
        self._waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the current round."""
        self._stopping.set()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._round())

    def _round(self) -> float:
        """Do one round; return the pause after the round, in seconds."""
        try:
            done = self._work()
        except Unavailable:
            # Whoever asked the part that is away tells of it, once for all chores.
            self._failed.inc()
            return next(self._waits)
        except OrderServiceError as error:
            self._failed.inc()
            self._outage.failed(chore=self.name, code=error.code, reason=error.message)
            return next(self._waits)
        except Exception as error:  # noqa: BLE001  (no part of the worker ends the others)
            return self._restarts.failed(error)
        self._restarts.well()
        self._outage.over(chore=self.name)
        self._done.inc(done)
        self._waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
        return 0 if done >= self._full else self._interval
