"""The worker process: the stock-change consumer in the main thread, and beside it the relay of the
outbox, the settlement, the expiry of holds, the heartbeat, and the worker's own health and
metrics."""

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

import structlog
from prometheus_client import ProcessCollector

from order_service.application.backoff import delays
from order_service.application.orders.publish import AT_ONCE
from order_service.interface.worker.chores import Chore, ChoreMetrics
from order_service.interface.worker.health import WorkerHealth, WorkerParts
from order_service.interface.worker.http import WorkerHttp, make_app
from order_service.interface.worker.restarts import RestartMetrics, Restarts
from order_service.settings import Settings

PUBLISH_INTERVAL: Final = 0.25
EXPIRE_INTERVAL: Final = 1.0
WATCH_INTERVAL: Final = 2.0
LOOK_INTERVAL: Final = 5.0
BEAT_INTERVAL: Final = 5.0
STOP_WITHIN: Final = 30.0
_NEVER_FULL: Final = 1_000_000
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)


def run(parts: WorkerParts, settings: Settings, about: Mapping[str, object]) -> int:
    """``about``: what the worker says of itself once it listens.

    Runs the worker until SIGTERM or SIGINT, which end the worker in order within 30 s. Returns
    the exit code.

    Raises SettingsError when WORKER_PORT can't be listened on.
    """
    worker = Worker(parts, settings)
    with ExitStack() as stack:
        if settings.worker_port:
            app = make_app(worker.health.live, worker.health.ready, parts.registry)
            stack.enter_context(WorkerHttp(settings.host, settings.worker_port, app))
        log.info("worker_started", **about)
        stack.enter_context(_stopped_by_signals(worker.stop))
        # Objects made by now stay: the collector need not go through them for every few batches.
        gc.freeze()
        return worker.work()


class Worker:
    def __init__(self, parts: WorkerParts, settings: Settings) -> None:
        ProcessCollector(registry=parts.registry)
        metrics = ChoreMetrics(parts.registry)
        restarts = RestartMetrics(parts.registry)
        rounds = {
            "kafka": (parts.kafka.look, WATCH_INTERVAL, _NEVER_FULL),
            "relay": (parts.publish_events, PUBLISH_INTERVAL, AT_ONCE),
            "settlement": (parts.settle_orders, settings.settle_interval, 1),
            "expiry": (parts.expire_orders, EXPIRE_INTERVAL, 1),
            "heartbeat": (self._beat, BEAT_INTERVAL, _NEVER_FULL),
            "lost_updates": (parts.find_lost_updates, LOOK_INTERVAL, _NEVER_FULL),
        }
        self._parts = parts
        self._restarts = {name: Restarts(name, restarts) for name in ("consumer", *rounds)}
        self._chores = [
            Chore(*each, metrics, self._restarts[name]) for name, each in rounds.items()
        ]
        self._stopping = threading.Event()
        self._stop_once = threading.Lock()
        self._last_resort = threading.Timer(STOP_WITHIN, _give_up)
        self._last_resort.daemon = True
        self.health = WorkerHealth(parts, self._restarts, settings.store_timeout)

    def work(self) -> int:
        """Work until ``stop``; return the exit code. A part that fails is started again."""
        watch, *others = self._chores
        watch.start()
        self._await_store()
        for chore in others:
            chore.start()
        self._consume()
        for chore in self._chores:
            chore.stop()
        for chore in self._chores:
            chore.join()
        self._parts.heartbeat.end()
        self._last_resort.cancel()
        log.info("worker_stopped")
        return 0

    def _beat(self) -> int:
        self._parts.heartbeat.beat(self.health.parts(), self._parts.consumer.lags())
        return 0

    def _consume(self) -> None:
        restarts = self._restarts["consumer"]
        while not self._stopping.is_set():
            restarts.begun()
            self.health.consuming = True
            try:
                self._parts.consumer.run()
            except Exception as error:  # noqa: BLE001  (no part of the worker ends the others)
                self.health.consuming = False
                self._stopping.wait(restarts.failed(error))

    def stop(self) -> None:
        """End ``work``; call this from any thread. A part that hangs is cut off after 30 s."""
        with self._stop_once:
            if self._stopping.is_set():
                return
            self._stopping.set()
        self._last_resort.start()
        self._parts.consumer.stop()
        for chore in self._chores:
            chore.stop()

    def _await_store(self) -> None:
        """Wait for the store: without its unique index the log would take a record twice."""
        said = None
        for delay in delays(0.5, 5):
            missing = self.health.store_problem()
            if missing is None:
                return
            if missing.detail != said:
                log.warning("waiting_for_store", reason=missing.detail)
            said = missing.detail
            if self._stopping.wait(delay):
                return


def _give_up() -> None:
    log.error("stopping_took_too_long", seconds=STOP_WITHIN)
    os._exit(1)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def obey(name: str) -> None:
        log.info("stopping", signal=name)
        stop()

    def handle(number: int, _: FrameType | None) -> None:
        # In a new thread: the interrupted thread may hold the locks that ``stop`` takes.
        threading.Thread(target=obey, args=(signal.Signals(number).name,), name="stop").start()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
