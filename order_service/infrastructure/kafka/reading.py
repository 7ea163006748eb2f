"""Reading topics from one offset to another, when somebody asks, in no consumer group."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import inf
from typing import Any, Final, NamedTuple, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from order_service.domain.errors import BrokerUnavailable, TooMuchToRead
from order_service.infrastructure.kafka.causes import telling
from order_service.infrastructure.kafka.records import LostRecord, Record
from order_service.infrastructure.kafka.unreadable import UNREADABLE, UNREADABLE_REASON

_TIMEOUT: Final = 10.0
_FIRST_TRY: Final = 0.5
# Kafka hands out a record that it has in less time, unless something is wrong.
_SILENT: Final = 1.0

Hear = Callable[[KafkaError], None]
MakeReader = Callable[[Hear], Consumer]


class Patience:
    """The seconds that readings may take from now on, all together, and each wait for Kafka."""

    def __init__(self, in_all: float = inf) -> None:
        self._until = time.monotonic() + in_all

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def for_a_wait(self) -> float:
        """Seconds. Raises TooMuchToRead once the time is over."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TooMuchToRead("There is more to read than there is time for.")
        return min(_TIMEOUT, left)


class Span(NamedTuple):
    """A partition's records from ``first``, before ``end``. ``low``: the oldest that is left."""

    topic: str
    partition: int
    low: int
    first: int
    end: int


class Reading:
    """Raises KafkaException, BrokerUnavailable, and TooMuchToRead once the patience is over."""

    def __init__(self, consumer: Consumer, patience: Patience) -> None:
        self._consumer = consumer
        self._patience = patience

    def topics(self) -> Mapping[str, Any]:
        wait = self._patience.for_a_wait()
        return cast(Mapping[str, Any], self._consumer.list_topics(timeout=wait).topics)

    def spans(self, topic: str, since: datetime | None) -> Iterator[Span]:
        """Of each partition the records from ``since`` on; for None all that are left."""
        there = self.topics()
        for partition in sorted(there[topic].partitions) if topic in there else ():
            low, end = self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=self._patience.for_a_wait()
            )
            first = self._since(topic, partition, since) if since else low
            yield Span(topic, partition, low, end if first < 0 else first, end)

    def records(self, span: Span) -> Iterator[Record]:
        """Offsets may be missing; a record that can't be taken out of its batch is a LostRecord."""
        at = span.first
        if at < span.end:
            self._begin(span, at)
        while at < span.end:
            wait = self._patience.for_a_wait()
            message = self._consumer.poll(wait)
            if message is None:
                raise _silence(span, wait)
            error = message.error()
            if error is None:
                record = cast(Record, message)
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            elif error.code() in UNREADABLE:
                record = LostRecord((span.topic, span.partition, at), UNREADABLE_REASON)
                self._begin(span, at + 1)
            else:
                raise KafkaException(error)
            at = record.offset() + 1
            if record.offset() < span.end:
                yield record

    def _begin(self, span: Span, at: int) -> None:
        self._consumer.assign([TopicPartition(span.topic, span.partition, at)])

    def _since(self, topic: str, partition: int, moment: datetime) -> int:
        """The first offset at ``moment`` or later; negative when there is none."""
        # To Kafka no time is before 1970: such a number means something else, or nothing.
        asked = TopicPartition(topic, partition, max(0, int(moment.timestamp() * 1000)))
        wait = self._patience.for_a_wait()
        return self._consumer.offsets_for_times([asked], timeout=wait)[0].offset


@contextmanager
def opened(
    make_reader: MakeReader, what: str, patience: Patience | None = None
) -> Iterator[Reading]:
    """``make_reader``: its argument is called with each error that the client meets. ``what`` is
    read, in words. Raises BrokerUnavailable."""
    patience = patience or Patience()
    heard: list[KafkaError] = []
    reader = make_reader(heard.append)
    try:
        _await_broker(reader, heard, patience)
        yield Reading(reader, patience)
    except KafkaException as error:
        cause = telling(_said(heard, error.args[0]))
        raise BrokerUnavailable(f"{what} can't be read: {cause}") from error
    finally:
        reader.close()


def _said(heard: Sequence[KafkaError], last: KafkaError) -> list[str]:
    # The error of a request that nobody answers speaks of a broken connection. Where one broke,
    # the client has complained before.
    if not heard and last.code() == KafkaError._TRANSPORT:
        return ["timed out"]
    return [each.str() for each in (*heard, last)]


def _silence(span: Span, waited: float) -> BrokerUnavailable | TooMuchToRead:
    if waited < _SILENT:
        return TooMuchToRead("There is more to read than there is time for.")
    return BrokerUnavailable(f"{span.topic}[{span.partition}] does not answer.")


def _await_broker(reader: Consumer, heard: Sequence[KafkaError], patience: Patience) -> None:
    """Returns once a broker answers. Raises KafkaException once all are known to be away."""
    longest = _FIRST_TRY
    while True:
        try:
            reader.list_topics(timeout=min(longest, patience.for_a_wait()))
            return
        except KafkaException:
            # A poll hands over the client's errors; no partition is assigned, so no record is lost.
            reader.poll(0)
            away = any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in heard)
            longest *= 2
            if away or longest > _TIMEOUT or patience.is_over:
                raise
