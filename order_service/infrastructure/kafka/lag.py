"""How far the log is behind each partition, and the records that it missed."""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from order_service.infrastructure.kafka.metrics import ConsumerMetrics
from order_service.infrastructure.kafka.records import Record

_EVERY: Final = 5.0
_TIMEOUT: Final = 1.0

Place = tuple[str, int]

log = structlog.get_logger(__name__)


class Span(NamedTuple):
    """A batch's records of one partition; ``end``: the last record."""

    first: int
    last: int
    number: int
    end: Record


class LagGauge:
    """For the consumer's thread alone.

    The last fetch tells a topic's end. Only while fetching is paused is the broker asked for the
    end: its answer would wait for the answer to a fetch under way.
    """

    def __init__(self, consumer: Consumer, metrics: ConsumerMetrics) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._logged: dict[Place, int] = {}
        self._ends: dict[Place, tuple[int, int]] = {}
        self._jumps: dict[Place, Span] = {}
        # A consumer that failed, whose partitions perhaps no worker has, has left its gauges.
        self._lost = metrics.places_with_lag()
        self._is_closing = False
        self._due = time.monotonic()

    def logged(self, place: Place, span: Span) -> None:
        """The span's records are in the log, as are all records before them."""
        expected = self._logged.get(place, -1)
        if expected >= 0 and span.last + 1 - expected > span.number:
            self._jumps.setdefault(place, span._replace(first=expected))
        self._logged[place] = span.last + 1

    def begun_again(self, place: Place) -> None:
        """The partition is read from its beginning from now on."""
        self._forget(place)
        self._logged[place] = 0

    def reached(self, place: Place, taken: int, end: int) -> None:
        """Once all records before ``taken`` are logged, all before ``end`` are: between them lie
        only records that a consumer never gets, as those of aborted transactions."""
        self._ends[place] = (taken, end)

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        for place in self._lost:
            self._forget(place)
        self._remove_series(self._lost - _places(partitions))
        self._lost.clear()
        self._due = time.monotonic()

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Other workers report these partitions' lag from now on; or this one again, once it has a
        new consumer."""
        if self._is_closing:
            self.lost(partitions)
            return
        for place in _places(partitions):
            self._forget(place)
        self._remove_series(_places(partitions))
        self._due = time.monotonic()

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """Perhaps no worker has the partitions, as while the broker is away: keep the gauges."""
        self._lost |= _places(partitions)

    def closing(self) -> None:
        """The consumer gives its partitions back. No other worker may be able to take them."""
        self._is_closing = True

    def observe(self, fetching: bool) -> None:
        """Measures every 5 s at most; returns at once otherwise."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        partitions = self._consumer.assignment()
        self._metrics.assigned.set(len(partitions))
        try:
            self._start_from_committed(partitions)
            for each in partitions:
                self._measure(each, fetching)
            self._look_for_missed()
        except KafkaException:
            # The gauges keep their last values while the broker is away.
            return

    def _start_from_committed(self, partitions: list[TopicPartition]) -> None:
        new = [each for each in partitions if (each.topic, each.partition) not in self._logged]
        for each in self._consumer.committed(new, timeout=_TIMEOUT) if new else []:
            self._logged[each.topic, each.partition] = each.offset

    def _measure(self, partition: TopicPartition, fetching: bool) -> None:
        place = (partition.topic, partition.partition)
        low, high = self._consumer.get_watermark_offsets(partition, _TIMEOUT, cached=fetching)
        if high < 0:
            # No fetch from the partition yet.
            return
        # An unknown end is negative, as is the offset of a group that has committed none.
        logged = max(0, low, self._logged[place])
        taken, end = self._ends.get(place, (0, 0))
        done = max(logged, end) if self._logged[place] >= taken else logged
        self._metrics.lag.labels(*place).set(max(0, high - done))

    def _look_for_missed(self) -> None:
        """Records between two offsets that do not follow each other may have been deleted unread;
        or the topic, with transactions or compacted, never had them."""
        while self._jumps:
            place, jump = next(iter(self._jumps.items()))
            low, _ = self._consumer.get_watermark_offsets(TopicPartition(*place), _TIMEOUT)
            del self._jumps[place]
            missed = min(low - jump.first, jump.last + 1 - jump.first - jump.number)
            if missed > 0:
                self._metrics.missed.labels(place[0]).inc(missed)
                log.error(
                    "records_missed",
                    topic=place[0],
                    partition=place[1],
                    first=jump.first,
                    number=missed,
                    reason="The topic deleted them before they were read.",
                )

    def _forget(self, place: Place) -> None:
        for known in (self._logged, self._ends, self._jumps):
            known.pop(place, None)

    def _remove_series(self, places: Iterable[Place]) -> None:
        for topic, partition in places:
            self._metrics.lag.remove(topic, str(partition))


def spans(records: Iterable[Record]) -> dict[Place, Span]:
    """A batch's spans by partition; each partition's records are in order."""
    first: dict[Place, int] = {}
    last: dict[Place, Record] = {}
    number: dict[Place, int] = defaultdict(int)
    for record in records:
        place = (record.topic(), record.partition())
        if place not in last:
            first[place] = record.offset()
        last[place] = record
        number[place] += 1
    return {p: Span(first[p], end.offset(), number[p], end) for p, end in last.items()}


def _places(partitions: Iterable[TopicPartition]) -> set[Place]:
    return {(each.topic, each.partition) for each in partitions}
