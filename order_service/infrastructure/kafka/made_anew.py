"""Topics that are deleted and made again while they are read are read from the beginning again.

Else the consumer would go on at its old offset in the new topic, or get that offset back as
committed, and skip the records before it. (A new record in a place that the log has already is
refused by the log, so it is a dead letter, and can be replayed.)
"""

import time
from collections.abc import Iterable
from typing import Final, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from order_service.infrastructure.kafka.lag import LagGauge, Place, Span
from order_service.infrastructure.kafka.metrics import ConsumerMetrics

# A rebalance that follows has come by then.
_WATCHED: Final = 60.0

log = structlog.get_logger(__name__)


class Sightings(Protocol):
    def made_anew(self) -> list[tuple[str, float]]:
        """Topics found made anew since the last call, each with the time when the old topic was
        last seen (monotonic seconds)."""
        ...


class TopicsMadeAnew:
    """For the consumer's thread alone."""

    def __init__(
        self, consumer: Consumer, sightings: Sightings, lag: LagGauge, metrics: ConsumerMetrics
    ) -> None:
        self._consumer = consumer
        self._sightings = sightings
        self._lag = lag
        self._metrics = metrics
        self._since: dict[Place, float] = {}
        self._first: dict[Place, int] = {}
        self._old_until: dict[str, float] = {}
        self._in_hand: set[Place] = set()

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        for each in partitions:
            place = (each.topic, each.partition)
            self._since[place] = time.monotonic()
            self._first.pop(place, None)
            self._in_hand.discard(place)

    def is_old(self, place: Place, span: Span) -> bool:
        """Whether the records were taken before the partition was begun again."""
        if place in self._in_hand:
            if span.first > 0:
                return True
            self._in_hand.discard(place)
        self._first.setdefault(place, span.first)
        return False

    def observe(self) -> None:
        for topic, old_until in self._sightings.made_anew():
            log.warning("topic_made_anew", topic=topic, reading="from its beginning")
            self._metrics.made_anew.labels(topic).inc()
            self._old_until[topic] = old_until
        if self._old_until:
            self._begin_again()

    def _begin_again(self) -> None:
        for each in self._consumer.assignment():
            place = (each.topic, each.partition)
            if each.topic in self._old_until and not self._from_the_beginning(place):
                self._rewind(place)
        over = time.monotonic() - _WATCHED
        self._old_until = {t: until for t, until in self._old_until.items() if until > over}

    def _from_the_beginning(self, place: Place) -> bool:
        """Whether the new topic is read, and from its beginning."""
        begun = self._since.get(place, 0.0) > self._old_until[place[0]]
        return begun and self._first.get(place) == 0

    def _rewind(self, place: Place) -> None:
        try:
            begin = [TopicPartition(*place, 0)]
            # A rebalance would commit the stored offset.
            self._consumer.store_offsets(offsets=begin)
            # Else librdkafka would commit no offset up to the old topic's end: it commits only an
            # offset beyond its last one.
            self._consumer.commit(offsets=begin, asynchronous=True)
            self._consumer.seek(TopicPartition(*place, OFFSET_BEGINNING))
        except KafkaException as error:
            # Later: the partition is being taken away, or was just assigned.
            log.info("not_begun_again_yet", topic=place[0], partition=place[1], reason=str(error))
            return
        self._since[place] = time.monotonic()
        self._first[place] = 0
        self._in_hand.add(place)
        self._lag.begun_again(place)
