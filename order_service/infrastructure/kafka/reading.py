"""Reading topics from one offset to another, for people's commands, in no consumer group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from order_service.domain.errors import BrokerUnavailable
from order_service.infrastructure.kafka.causes import telling
from order_service.infrastructure.kafka.records import LostRecord, Record
from order_service.infrastructure.kafka.unreadable import UNREADABLE, UNREADABLE_REASON

_TIMEOUT: Final = 10.0
_FIRST_TRY: Final = 0.5

Hear = Callable[[KafkaError], None]
MakeReader = Callable[[Hear], Consumer]


class Span(NamedTuple):
    """A partition's records from ``first``, before ``end``. ``low``: the oldest that is left."""

    topic: str
    partition: int
    low: int
    first: int
    end: int


@contextmanager
def opened(make_reader: MakeReader, what: str) -> Iterator[Consumer]:
    """``make_reader``: its argument is called with each error that the client meets. ``what`` is
    read, in words. Raises BrokerUnavailable."""
    heard: list[KafkaError] = []
    reader = make_reader(heard.append)
    try:
        _await_broker(reader, heard)
        yield reader
    except KafkaException as error:
        cause = telling([each.str() for each in (*heard, error.args[0])])
        raise BrokerUnavailable(f"{what} can't be read: {cause}") from error
    finally:
        reader.close()


def topics_there(reader: Consumer) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], reader.list_topics(timeout=_TIMEOUT).topics)


def spans(reader: Consumer, topic: str, since: datetime | None) -> Iterator[Span]:
    """Of each partition the records from ``since`` on; for None all that are left."""
    there = topics_there(reader)
    for partition in sorted(there[topic].partitions) if topic in there else ():
        low, end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT)
        first = _since(reader, topic, partition, since) if since else low
        yield Span(topic, partition, low, end if first < 0 else first, end)


def records_in(reader: Consumer, span: Span) -> Iterator[Record]:
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


def _since(reader: Consumer, topic: str, partition: int, time: datetime) -> int:
    """The first offset at ``time`` or later; negative when there is none."""
    # To Kafka no time is before 1970: such a number means something else, or nothing.
    asked = TopicPartition(topic, partition, max(0, int(time.timestamp() * 1000)))
    return reader.offsets_for_times([asked], timeout=_TIMEOUT)[0].offset


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
