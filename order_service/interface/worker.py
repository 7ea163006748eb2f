"""The worker process: the stock-change consumer in the main thread, and beside it the relay of the
outbox, the settlement, and the worker's own health and metrics."""

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from order_service.application.backoff import delays
from order_service.application.check_readiness import CheckReadiness
from order_service.application.ports import Dependency
from order_service.application.publish_events import AT_ONCE
from order_service.interface.chores import Chore, ChoreMetrics
from order_service.interface.worker_http import Problems, WorkerHttp, make_app
from order_service.settings import Settings

PUBLISH_INTERVAL: Final = 0.25
STOP_WITHIN: Final = 30.0
# Longer than one write and one dead letter may take together.
_LONGEST_UNPOLLED: Final = 60.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)


class ConsumerHealth(Protocol):
    @property
    def joined(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def seconds_since_poll(self) -> float: ...


class StockConsumer(Protocol):
    """``run`` returns after ``stop``, which may be called before it."""

    def run(self) -> None: ...
    def stop(self) -> None: ...
    def health(self) -> ConsumerHealth: ...


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """``publish_events`` and ``settle_orders`` do one round and answer how much they did."""

    consumer: StockConsumer
    publish_events: Callable[[], int]
    settle_orders: Callable[[], int]
    store: Dependency
    registry: CollectorRegistry


def run(parts: WorkerParts, settings: Settings) -> int:
    """Works until SIGTERM or SIGINT, which end it in order within 30 s; answers the exit code.

    Raises SettingsError when WORKER_PORT can't be had.
    """
    worker = Worker(parts, settings)
    with ExitStack() as stack:
        if settings.worker_port:
            app = make_app(worker.live, worker.ready, parts.registry)
            stack.enter_context(WorkerHttp(settings.host, settings.worker_port, app))
            log.info("worker_http", host=settings.host, port=settings.worker_port)
        stack.enter_context(_stopped_by_signals(worker.stop))
        # What is loaded by now stays: the collector need not go through it for every few batches.
        gc.freeze()
        return worker.work()


class Worker:
    def __init__(self, parts: WorkerParts, settings: Settings) -> None:
        ProcessCollector(registry=parts.registry)
        metrics = ChoreMetrics(parts.registry)
        relay = ("relay", parts.publish_events, PUBLISH_INTERVAL, AT_ONCE)
        settlement = ("settlement", parts.settle_orders, settings.settle_interval, 1)
        self._parts = parts
        self._check_store = CheckReadiness([parts.store], settings.store_timeout, _log_unforeseen)
        self._chores = [Chore(*each, metrics, self._fail) for each in (relay, settlement)]
        self._stopping = threading.Event()
        self._stop_once = threading.Lock()
        self._last_resort = threading.Timer(STOP_WITHIN, _give_up)
        self._last_resort.daemon = True
        self._consuming = False
        self._failed = False

    def work(self) -> int:
        """Until ``stop``, or until a part dies; answers the exit code."""
        try:
            self._await_store()
            for chore in self._chores:
                chore.start()
            self._consuming = True
            self._parts.consumer.run()
        except Exception:
            log.exception("worker_died")
            self._fail()
        for chore in self._chores:
            chore.stop()
        for chore in self._chores:
            chore.join()
        self._last_resort.cancel()
        log.info("worker_stopped", failed=self._failed)
        return int(self._failed)

    def stop(self) -> None:
        """From any thread. Whatever hangs is cut off after 30 s."""
        with self._stop_once:
            if self._stopping.is_set():
                return
            self._stopping.set()
        self._last_resort.start()
        self._parts.consumer.stop()
        for chore in self._chores:
            chore.stop()

    def live(self) -> Problems:
        """Polling, or not begun yet."""
        unpolled = self._parts.consumer.health().seconds_since_poll
        stuck = self._consuming and unpolled > _LONGEST_UNPOLLED
        return {"consumer": f"Kafka was not polled for {unpolled:.0f} s." if stuck else None}

    def ready(self) -> Problems:
        """In the consumer group, and the store there and migrated."""
        health = self._parts.consumer.health()
        consumer = None
        if not health.joined:
            consumer = "Not in the consumer group yet."
        elif health.paused:
            consumer = "Waiting until the store and the dead-letter topics can be written."
        return {"consumer": consumer, self._parts.store.name: self._store_problem()}

    def _store_problem(self) -> str | None:
        (state,) = self._check_store()
        return state.problem

    def _await_store(self) -> None:
        """Without its unique index the log would take a record twice."""
        for delay in delays(0.5, 5):
            problem = self._store_problem()
            if problem is None:
                return
            log.warning("waiting_for_store", reason=problem)
            if self._stopping.wait(delay):
                return

    def _fail(self) -> None:
        self._failed = True
        self.stop()


def _log_unforeseen(dependency: str, error: Exception) -> None:
    log.error("check_failed", dependency=dependency, exc_info=error)


def _give_up() -> None:
    log.error("stopping_took_too_long", seconds=STOP_WITHIN)
    os._exit(1)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def obey(name: str) -> None:
        log.info("stopping", signal=name)
        stop()

    def handle(number: int, _: FrameType | None) -> None:
        # In a thread, for the interrupted one may hold the very locks that this takes.
        threading.Thread(target=obey, args=(signal.Signals(number).name,), name="stop").start()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
