"""The stock-change consumer: Kafka's records in, the RecordStockChanges use case out."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from order_service.application.backoff import delays
from order_service.application.outage import Outage
from order_service.application.overview.workers import PartitionLag
from order_service.application.stock_log.changes import AppendResult, StockChange
from order_service.application.stock_log.record import RecordStockChanges
from order_service.domain.errors import StoreUnavailable, Unavailable
from order_service.infrastructure.kafka.batches import Batch, Write, decode_all
from order_service.infrastructure.kafka.burial import Poisoned
from order_service.infrastructure.kafka.dead_letters import DeadLetterPublisher
from order_service.infrastructure.kafka.intake import Intake
from order_service.infrastructure.kafka.metrics import ConsumerMetrics
from order_service.infrastructure.kafka.outages import CONNECTIONS

# A record is acknowledged once it is in the log or in a dead-letter topic, never before. After a
# crash it is delivered again; the log knows it by its topic, partition and offset.
ACK_POLICY: Final = "after-write"

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 5.0

# Dead letters that one line of the service's log names; the topic has them all.
_NAMED: Final = 20

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """``joined``: has its place in the group; ``seconds_since_poll``: since a poll of Kafka."""

    joined: bool
    paused: bool
    seconds_since_poll: float


class _Stopped(Exception):
    """``stop`` was called while the consumer waited for the store or the broker."""


class StockConsumer:
    """``run`` belongs to one thread; ``stop``, ``health`` and ``lags`` may be called
    from any.

    ``open_intake``: makes a new client for each run, as a client that failed is of no more use.
    ``logged`` hears of each change that was delivered once it is in the log, or in a dead-letter
    topic where the log refused it; but of no replay.
    """

    def __init__(
        self,
        open_intake: Callable[[], Intake],
        record: RecordStockChanges,
        dead_letters: DeadLetterPublisher,
        metrics: ConsumerMetrics,
        max_bytes: int,
        logged: Callable[[list[StockChange]], None] = lambda changes: None,
    ) -> None:
        self._open_intake = open_intake
        self._next: Intake | None = open_intake()
        self._intake = self._next
        self._record = record
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._logged = logged
        self._stopping = threading.Event()
        self._waiting = Outage("waiting", log)

    def run(self) -> None:
        """Consume until ``stop``, then finish the batch in hand, commit its offsets and leave the
        group. Raises IntakeFailed when the broker shuts this consumer out. ``run`` may be called
        again after any error."""
        log.info("consumer_starting", ack_policy=ACK_POLICY)
        self._intake, self._next = self._next or self._open_intake(), None
        self._metrics.polled()
        with ThreadPoolExecutor(1, thread_name_prefix="log") as writer:
            self._intake.open()
            try:
                self._work(writer)
            except _Stopped:
                log.info("batch_left_for_next_time")
            finally:
                self._intake.close()

    def stop(self) -> None:
        self._stopping.set()

    def health(self) -> ConsumerHealth:
        return ConsumerHealth(
            joined=self._intake.joined,
            paused=self._intake.held,
            seconds_since_poll=self._metrics.seconds_since_poll(),
        )

    def lags(self) -> list[PartitionLag]:
        return self._metrics.lags()

    def _work(self, writer: Executor) -> None:
        """While a batch is written, the next batch is read and made ready. Its write begins when
        the first batch's write has ended, so that the log has each partition's order, and runs
        while the first batch is acknowledged."""
        in_hand: Write | None = None
        while in_hand or not self._stopping.is_set():
            stopping = self._stopping.is_set()
            records = [] if stopping else self._intake.take(wait=in_hand is None)
            batch = decode_all(records, self._max_bytes)
            following = Write(self._record, batch) if records else None
            result = self._insist(in_hand) if in_hand else None
            if following:
                following.begin(writer, in_hand)
            if in_hand and result:
                self._acknowledge(in_hand.batch, result)
            in_hand = following

    def _acknowledge(self, batch: Batch, result: AppendResult) -> None:
        self._bury(batch.all_poisoned(result.refused))
        self._intake.acknowledge(batch.records)
        self._metrics.batch_seconds.observe(time.monotonic() - batch.begun)
        self._metrics.written.inc(result.written)
        self._metrics.duplicates.inc(result.duplicates)
        self._logged(batch.delivered)

    def _bury(self, poisoned: Sequence[Poisoned]) -> None:
        if not (poisoned := self._dead_letters.unburied(poisoned)):
            return
        left = list(poisoned)
        self._insist(lambda: self._dead_letters.publish(left))
        kinds = Counter((each.record.topic(), each.poison.code) for each in poisoned)
        for (topic, code), number in kinds.items():
            self._metrics.dead_lettered.labels(topic, code).inc(number)
        log.warning(
            "dead_lettered",
            number=len(poisoned),
            records=[_place_and_code(each) for each in poisoned[:_NAMED]],
        )

    def _insist(self, action: Callable[[], Result]) -> Result:
        """Repeat ``action`` until it succeeds. Meanwhile stay in the group and fetch nothing."""
        waits = delays(_FIRST_DELAY, _LONGEST_DELAY)
        while True:
            try:
                result = action()
            except Unavailable as error:
                # The store's outage, and that of all of Kafka, have lines of their own.
                if not (isinstance(error, StoreUnavailable) or CONNECTIONS.troubled):
                    self._waiting.failed(code=error.code, reason=error.message)
                self._wait(next(waits))
            else:
                self._waiting.over()
                self._intake.release()
                return result

    def _wait(self, seconds: float) -> None:
        self._intake.hold(seconds, self._stopping.is_set)
        if self._stopping.is_set():
            raise _Stopped


def _place_and_code(poisoned: Poisoned) -> str:
    record, poison = poisoned.record, poisoned.poison
    return f"{record.topic()}[{record.partition()}]@{record.offset()} {poison.code}"
