"""The worker's parts, and their health."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry

from order_service.application.overview.workers import Heartbeat, PartitionLag
from order_service.application.readiness import CheckReadiness, Dependency, DependencyState, Lasting
from order_service.interface.worker.problems import Problem, Problems
from order_service.interface.worker.restarts import Restarts

# Seconds: longer than one write and one dead letter may take together.
_LONGEST_UNPOLLED: Final = 60.0

log = structlog.get_logger(__name__)


class ConsumerHealth(Protocol):
    @property
    def joined(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def seconds_since_poll(self) -> float: ...


class StockConsumer(Protocol):
    """``run`` returns after ``stop``; ``stop`` may be called before ``run``. After ``run`` raised,
    ``run`` may be called again."""

    def run(self) -> None: ...
    def stop(self) -> None: ...
    def health(self) -> ConsumerHealth: ...
    def lags(self) -> Sequence[PartitionLag]: ...


class KafkaWatch(Dependency, Protocol):
    """``look`` asks Kafka once, and raises no error of Kafka's; ``check`` raises what ``look``
    found."""

    def look(self) -> int: ...
    @property
    def topics_problem(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """``publish_events``, ``settle_orders``, ``expire_orders`` and ``find_lost_updates`` do one
    round and return how much they did."""

    consumer: StockConsumer
    kafka: KafkaWatch
    publish_events: Callable[[], int]
    settle_orders: Callable[[], int]
    expire_orders: Callable[[], int]
    store: Dependency
    registry: CollectorRegistry
    heartbeat: Heartbeat
    find_lost_updates: Callable[[], int] = lambda: 0


class WorkerHealth:
    """``timeout``: seconds that a check may take. ``consuming``: whether the consumer runs; set by
    the code that runs the consumer."""

    def __init__(
        self, parts: WorkerParts, restarts: Mapping[str, Restarts], timeout: float
    ) -> None:
        self._parts = parts
        self._restarts = restarts
        self._check_kafka = CheckReadiness([parts.kafka], timeout, _log_unforeseen)
        self._check_store = CheckReadiness([parts.store], timeout, _log_unforeseen)
        self._out_of_work = Lasting()
        self.consuming = False

    def live(self) -> Problems:
        """Whether a new process would help, because the consumer runs and does not poll. A part
        that fails is no reason: the process starts the part again, and a new process would end the
        other parts too."""
        unpolled = self._parts.consumer.health().seconds_since_poll
        if not self.consuming or unpolled <= _LONGEST_UNPOLLED:
            return {"consumer": None}
        since = datetime.now(UTC) - timedelta(seconds=unpolled)
        return {"consumer": Problem(f"Kafka was not polled for {unpolled:.0f} s.", since)}

    def ready(self) -> Problems:
        """The problem of each part, by the part's name; None where there is none. While Kafka is
        away, the consumer's problem is Kafka."""
        kafka = self._kafka_problem()
        return {
            "consumer": self._consumer_problem(kafka),
            "kafka": self._restarts["kafka"].problem or kafka,
            self._parts.store.name: self.store_problem(),
            "relay": self._restarts["relay"].problem,
            "settlement": self._restarts["settlement"].problem,
            "expiry": self._restarts["expiry"].problem,
        }

    def parts(self) -> list[DependencyState]:
        """The same as ``ready`` tells, for the heartbeat."""
        return [_state(name, problem) for name, problem in self.ready().items()]

    def store_problem(self) -> Problem | None:
        return _problem(self._check_store()[0])

    def _kafka_problem(self) -> Problem | None:
        return _problem(self._check_kafka()[0])

    def _consumer_problem(self, kafka: Problem | None) -> Problem | None:
        named = kafka or self._restarts["consumer"].problem
        detail = named.detail if named else self._out_of_work_because()
        since = self._out_of_work.since(detail is not None, named.since if named else None)
        return Problem(detail, since) if detail and since else None

    def _out_of_work_because(self) -> str | None:
        health = self._parts.consumer.health()
        if health.paused:
            return "Waiting until the store and the dead-letter topics can be written."
        if self._parts.kafka.topics_problem:
            return self._parts.kafka.topics_problem
        return None if health.joined else "Not in the consumer group yet."


def _problem(state: DependencyState) -> Problem | None:
    return Problem(state.problem, state.since) if state.problem and state.since else None


def _state(name: str, problem: Problem | None) -> DependencyState:
    if problem is None:
        return DependencyState(name, True, None)
    return DependencyState(name, True, problem.detail, problem.since)


def _log_unforeseen(dependency: str, error: Exception) -> None:
    log.error("check_failed", dependency=dependency, exc_info=error)
