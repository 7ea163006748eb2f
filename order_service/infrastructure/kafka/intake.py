"""The consumer group's side of the consumer: records in, acknowledgements out."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from order_service.application.outage import Outage
from order_service.infrastructure.kafka.lag import LagGauge, spans
from order_service.infrastructure.kafka.made_anew import Sightings, TopicsMadeAnew
from order_service.infrastructure.kafka.membership import Membership
from order_service.infrastructure.kafka.metrics import ConsumerMetrics
from order_service.infrastructure.kafka.outages import CONNECTIONS
from order_service.infrastructure.kafka.records import LostRecord, Record
from order_service.infrastructure.kafka.unreadable import UNREADABLE, BadBatches

_FIRST_RECORD: Final = 0.5
# Seconds for which a batch is filled: single writes would cost the store far more.
_MORE_RECORDS: Final = 0.05
_SLICE: Final = 0.1
# A larger record is a batch by itself: many large records would fill the memory.
_LARGE: Final = 1024 * 1024

log = structlog.get_logger(__name__)


class IntakeFailed(Exception):
    """This client was fenced, or never allowed, and can't go on; a new client may."""


class Intake:
    """For one thread; ``joined`` and ``held`` may be read from any.

    Only ``acknowledge`` stores offsets, and librdkafka commits only stored offsets: every second,
    when a partition is taken away, and on closing. So no rebalance commits a record that was not
    acknowledged.
    """

    def __init__(
        self,
        consumer: Consumer,
        membership: Membership,
        topics: Sequence[str],
        batch_size: int,
        metrics: ConsumerMetrics,
        sightings: Sightings,
    ) -> None:
        self._consumer = consumer
        self._membership = membership
        self._topics = list(topics)
        self._batch_size = batch_size
        self._metrics = metrics
        self._lag = LagGauge(consumer, metrics)
        self._made_anew = TopicsMadeAnew(consumer, sightings, self._lag, metrics)
        self._bad_batches = BadBatches(consumer)
        self._errors = Outage("kafka_error", log)
        self._early: list[Record] = []
        # Batches not acknowledged yet, the newest first.
        self._in_hand: list[Sequence[Record]] = []
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
        """Up to a batch of records, each partition's in order. With ``wait`` waits up to 0.5 s for
        the first record; waits 0.05 s for more.

        Raises IntakeFailed.
        """
        records, self._early = self._early, []
        if not records:
            records = self._poll(_FIRST_RECORD if wait else 0)
        more = self._batch_size - len(records)
        if records and more > 0 and len(records[-1].value() or b"") < _LARGE:
            records += self._sound(self._consumer.consume(more, _MORE_RECORDS))
        if records:
            self._in_hand.insert(0, records)
            self._errors.over()
        self._observe()
        for topic, number in Counter(record.topic() for record in records).items():
            self._metrics.consumed.labels(topic).inc(number)
        return records

    def hold(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Stay in the group without fetching, for ``seconds`` or until ``enough``."""
        self.held = True
        self._metrics.paused.set(1)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not enough():
            # Each time: new partitions may have been assigned.
            self._consumer.pause(self._consumer.assignment())
            self._early += self._poll(min(left, _SLICE))
            self._observe()

    def release(self) -> None:
        """Fetch again after ``hold``."""
        if self.held:
            self.held = False
            self._metrics.paused.set(0)
            self._consumer.resume(self._consumer.assignment())

    def acknowledge(self, records: Sequence[Record]) -> None:
        """``records``, which one ``take`` returned, are dealt with for good."""
        self._in_hand = [each for each in self._in_hand if each is not records]
        for place, span in spans(records).items():
            if self._made_anew.is_old(place, span):
                continue
            try:
                self._store(span.end)
            except KafkaException:
                # The partition's new owner reads these records again, as duplicates.
                log.info("offset_not_ours", topic=place[0], partition=place[1], at=span.last)
            else:
                self._lag.logged(place, span)

    def _store(self, record: Record) -> None:
        if isinstance(record, LostRecord):
            after = TopicPartition(record.topic(), record.partition(), record.offset() + 1)
            self._consumer.store_offsets(offsets=[after])
        else:
            # A message also stores its leader's epoch (KIP-320).
            self._consumer.store_offsets(message=cast(Message, record))

    def close(self) -> None:
        """Commit the acknowledged records' offsets and leave the group at once."""
        self._lag.closing()
        self._consumer.close()

    def _observe(self) -> None:
        self._membership.observe()
        self._made_anew.observe()
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
            elif error.code() in UNREADABLE:
                sound += filter(None, [self._bad_batches.given_up(message)])
            else:
                self._note(error, message, sound)
        return sound

    def _note(self, error: KafkaError, message: Message, before: Sequence[Record]) -> None:
        if error.fatal():
            raise IntakeFailed(error.str())
        if error.code() == KafkaError._PARTITION_EOF:
            place = (message.topic() or "", message.partition() or 0)
            self._lag.reached(place, self._taken(place, before), message.offset() or 0)
        elif error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART and not CONNECTIONS.troubled:
            # KafkaWatch logs the missing topics.
            self._errors.failed(error=error.name(), reason=error.str())

    def _taken(self, place: tuple[str, int], newest: Sequence[Record]) -> int:
        """The offset after the partition's last unacknowledged record; 0 where there is none."""
        for records in (newest, self._early, *self._in_hand):
            for record in reversed(records):
                if (record.topic(), record.partition()) == place:
                    return record.offset() + 1
        return 0

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._membership.assigned()
        self._bad_batches.reassigned()
        self._made_anew.assigned(partitions)
        self._lag.assigned(partitions)
        log.info("partitions_assigned", partitions=_names_of(partitions))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._lag.revoked(partitions)
        log.info("partitions_revoked", partitions=_names_of(partitions))

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._membership.lost()
        self._lag.lost(partitions)
        log.warning("partitions_lost", partitions=_names_of(partitions))


def _names_of(partitions: Sequence[TopicPartition]) -> list[str]:
    return [f"{each.topic}[{each.partition}]" for each in partitions]
