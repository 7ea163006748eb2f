"""Work that the worker does again and again, each kind in its own thread."""

import threading
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter

from order_service.application.backoff import delays
from order_service.domain.errors import OrderServiceError

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 15.0

log = structlog.get_logger(__name__)


class ChoreMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.done = Counter(
            "order_service_worker_done",
            "Events published, orders settled.",
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
    """``work`` does one round and answers how much it did; unless that was ``full``, so that more
    may be waiting, there is a pause of ``interval`` seconds: many small rounds would cost more than
    what they do. ``died`` is called if it raises anything unexpected."""

    def __init__(
        self,
        name: str,
        work: Callable[[], int],
        interval: float,
        full: int,
        metrics: ChoreMetrics,
        died: Callable[[], None],
    ) -> None:
        self.name = name
        self._work = work
        self._interval = interval
        self._full = full
        self._died = died
        self._done = metrics.done.labels(name)
        self._failed = metrics.failed.labels(name)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """After the round in hand."""
        self._stopping.set()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._repeat()
        except Exception:
            log.exception("chore_died", chore=self.name)
            self._died()

    def _repeat(self) -> None:
        waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
        while not self._stopping.is_set():
            try:
                done = self._work()
            except OrderServiceError as error:
                self._failed.inc()
                pause = next(waits)
                log.warning(
                    "chore_failed",
                    chore=self.name,
                    code=error.code,
                    reason=error.message,
                    retry_in=round(pause, 1),
                )
            else:
                self._done.inc(done)
                waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
                pause = 0 if done >= self._full else self._interval
            self._stopping.wait(pause)
