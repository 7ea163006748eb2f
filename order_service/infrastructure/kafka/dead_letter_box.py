"""The dead-letter topics, for people who read and replay letters, in no consumer group."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from order_service.application.stock_log.dead_letters import DeadLetter, DeadLetterQuery
from order_service.domain.errors import BrokerUnavailable, InvalidValue
from order_service.infrastructure.kafka.causes import telling
from order_service.infrastructure.kafka.delivery import Delivery
from order_service.infrastructure.kafka.headers import SUFFIX
from order_service.infrastructure.kafka.letters import to_letter, to_replay
from order_service.infrastructure.kafka.records import LostRecord, Record
from order_service.infrastructure.kafka.unreadable import UNREADABLE, UNREADABLE_REASON

_TIMEOUT: Final = 10.0
_FIRST_TRY: Final = 0.5

Hear = Callable[[KafkaError], None]


class _Span(NamedTuple):
    """A partition's records from ``first``, before ``end``."""

    topic: str
    partition: int
    first: int
    end: int


class KafkaDeadLetterBox:
    """``topics``: the original topics, whose dead letters are read. ``make_reader``: its argument
    is called with each error that the client meets."""

    def __init__(
        self,
        make_reader: Callable[[Hear], Consumer],
        make_delivery: Callable[[], Delivery],
        topics: Sequence[str],
    ) -> None:
        self._make_reader = make_reader
        self._make_delivery = make_delivery
        self._topics = topics
        self._delivery: Delivery | None = None

    def size(self, query: DeadLetterQuery) -> int:
        with self._reader() as reader:
            return sum(span.end - span.first for span in self._spans(reader, query))

    def missing(self, query: DeadLetterQuery) -> list[str]:
        with self._reader() as reader:
            return _missing(self._asked_for(query), _topics_there(reader))

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        with self._reader() as reader:
            for span in list(self._spans(reader, query)):
                yield from map(to_letter, _records_in(reader, span))

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        self._delivery = self._delivery or self._make_delivery()
        outcomes = self._delivery.deliver([to_replay(letter) for letter in letters])
        return [each for each, error in zip(letters, outcomes, strict=True) if error is None]

    @contextmanager
    def _reader(self) -> Iterator[Consumer]:
        heard: list[KafkaError] = []
        reader = self._make_reader(heard.append)
        try:
            _await_broker(reader, heard)
            yield reader
        except KafkaException as error:
            raise _unavailable([*heard, error.args[0]]) from error
        finally:
            reader.close()

    def _spans(self, reader: Consumer, query: DeadLetterQuery) -> Iterator[_Span]:
        topics, there = self._asked_for(query), _topics_there(reader)
        if _missing(topics, there) == topics:
            raise InvalidValue(
                "KAFKA_STOCK_TOPICS",
                f"Kafka has no topic {' and none '.join(topics)}, nor their dead letters. Either "
                "nothing was sent yet, or the name or KAFKA_BROKER is wrong, or this user may not "
                "see them.",
            )
        for topic in (each + SUFFIX for each in topics):
            for partition in sorted(there[topic].partitions) if topic in there else ():
                low, end = reader.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=_TIMEOUT
                )
                first = _since(reader, topic, partition, query.since) if query.since else low
                yield _Span(topic, partition, end if first < 0 else first, end)

    def _asked_for(self, query: DeadLetterQuery) -> list[str]:
        if query.topic is None:
            return list(self._topics)
        if query.topic not in self._topics:
            known = ", ".join(self._topics)
            raise InvalidValue("topic", f"it is none of KAFKA_STOCK_TOPICS ({known})")
        return [query.topic]


def _topics_there(reader: Consumer) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], reader.list_topics(timeout=_TIMEOUT).topics)


def _missing(topics: Sequence[str], there: Collection[str]) -> list[str]:
    return [each for each in topics if each not in there and each + SUFFIX not in there]


def _since(reader: Consumer, topic: str, partition: int, time: datetime) -> int:
    """The first offset at ``time`` or later; negative when there is none."""
    asked = TopicPartition(topic, partition, int(time.timestamp() * 1000))
    return reader.offsets_for_times([asked], timeout=_TIMEOUT)[0].offset


def _records_in(reader: Consumer, span: _Span) -> Iterator[Record]:
    """Offsets may be missing; a record that can't be taken out of its batch is a LostRecord."""
    at = span.first
    if at < span.end:
        reader.assign([TopicPartition(span.topic, span.partition, at)])
    while at < span.end:
        message = reader.poll(_TIMEOUT)
        if message is None:
            raise BrokerUnavailable(f"{span.topic}[{span.partition}] does not answer.")
        error = message.error()
        if error is None:
            record = cast(Record, message)
        elif error.code() == KafkaError._PARTITION_EOF:
            return
        elif error.code() in UNREADABLE:
            record = LostRecord((span.topic, span.partition, at), UNREADABLE_REASON)
            reader.assign([TopicPartition(span.topic, span.partition, at + 1)])
        else:
            raise KafkaException(error)
        at = record.offset() + 1
        if record.offset() < span.end:
            yield record


def _await_broker(reader: Consumer, heard: Sequence[KafkaError]) -> None:
    """Returns once a broker answers. Raises KafkaException once all are known to be away."""
    patience = _FIRST_TRY
    while True:
        try:
            reader.list_topics(timeout=patience)
            return
        except KafkaException:
            # A poll hands over the client's errors; no partition is assigned, so no record is lost.
            reader.poll(0)
            away = any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in heard)
            patience *= 2
            if away or patience > _TIMEOUT:
                raise


def _unavailable(errors: Sequence[KafkaError]) -> BrokerUnavailable:
    cause = telling([error.str() for error in errors])
    return BrokerUnavailable(f"The dead letters can't be read: {cause}")
