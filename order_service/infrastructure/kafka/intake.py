"""The consumer group's side of the consumer: records in, acknowledgements out."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from order_service.infrastructure.kafka.lag import LagGauge
from order_service.infrastructure.kafka.membership import Membership
from order_service.infrastructure.kafka.metrics import ConsumerMetrics
from order_service.infrastructure.kafka.records import Record

_FIRST_RECORD: Final = 0.5
# For as long a batch waits to be filled: single writes would cost the store far more.
_MORE_RECORDS: Final = 0.05
_SLICE: Final = 0.1

log = structlog.get_logger(__name__)


class IntakeFailed(Exception):
    """The consumer can't go on, and a new process may: it was fenced, or never allowed."""


class Intake:
    """All of it runs in one thread; ``joined`` and ``held`` are for others to read.

    Offsets are stored by ``acknowledge`` alone, and librdkafka commits only what is stored: every
    second, when a partition is taken away, and on closing. So no rebalance commits what was not
    acknowledged.
    """

    def __init__(
        self,
        consumer: Consumer,
        membership: Membership,
        topics: Sequence[str],
        batch_size: int,
        metrics: ConsumerMetrics,
    ) -> None:
        self._consumer = consumer
        self._membership = membership
        self._topics = list(topics)
        self._batch_size = batch_size
        self._metrics = metrics
        self._lag = LagGauge(consumer, metrics)
        self._early: list[Record] = []
        self.held = False

    @property
    def joined(self) -> bool:
        return self._membership.settled

    def open(self) -> None:
        self._consumer.subscribe(
            self._topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def take(self, wait: bool) -> list[Record]:
        """Up to a batch of records, each partition's in order; may ``wait`` 0.5 s for the first,
        and waits 0.05 s for more.

        Raises IntakeFailed.
        """
        records, self._early = self._early, []
        if not records:
            records = self._poll(_FIRST_RECORD if wait else 0)
        if records:
            more = self._batch_size - len(records)
            records += self._sound(self._consumer.consume(more, _MORE_RECORDS)) if more > 0 else []
        self._observe()
        for topic, number in Counter(record.topic() for record in records).items():
            self._metrics.consumed.labels(topic).inc(number)
        return records

    def hold(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Stay in the group without fetching, for that long or until ``enough``."""
        self.held = True
        self._metrics.paused.set(1)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not enough():
            # Each time, for partitions may have been assigned since.
            self._consumer.pause(self._consumer.assignment())
            self._early += self._poll(min(left, _SLICE))
            self._observe()

    def release(self) -> None:
        """Fetch again after ``hold``."""
        if self.held:
            self.held = False
            self._metrics.paused.set(0)
            self._consumer.resume(self._consumer.assignment())

    def acknowledge(self, records: Iterable[Record]) -> None:
        """The records are dealt with for good."""
        last = {(each.topic(), each.partition()): each for each in records}
        for (topic, partition), record in last.items():
            try:
                # By message, which also stores the leader's epoch (KIP-320).
                self._consumer.store_offsets(message=cast(Message, record))
            except KafkaException:
                # No longer ours: whoever has it reads these records again, as duplicates.
                log.info("offset_not_ours", topic=topic, partition=partition, at=record.offset())
            else:
                self._lag.logged((topic, partition), record.offset() + 1)

    def close(self) -> None:
        """Commit what was acknowledged and leave the group at once."""
        self._consumer.close()

    def _observe(self) -> None:
        self._membership.observe()
        self._lag.observe(fetching=not self.held)

    def _poll(self, seconds: float) -> list[Record]:
        message = self._consumer.poll(seconds)
        self._metrics.polled()
        return self._sound([message] if message is not None else [])

    def _sound(self, messages: Iterable[Message]) -> list[Record]:
        sound: list[Record] = []
        for message in messages:
            error = message.error()
            if error is None:
                sound.append(cast(Record, message))
            else:
                self._note(error)
        return sound

    def _note(self, error: KafkaError) -> None:
        if error.fatal():
            raise IntakeFailed(error.str())
        log.warning("kafka_error", error=error.name(), reason=error.str())

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._membership.assigned()
        self._lag.reassigned()
        log.info("partitions_assigned", partitions=_named(partitions))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._lag.reassigned(partitions)
        log.info("partitions_revoked", partitions=_named(partitions))

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._membership.lost()
        self._lag.reassigned(partitions)
        log.warning("partitions_lost", partitions=_named(partitions))


def _named(partitions: Sequence[TopicPartition]) -> list[str]:
    return [f"{each.topic}[{each.partition}]" for each in partitions]
