"""How far the log is behind the topics, partition by partition."""

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from order_service.infrastructure.kafka.metrics import ConsumerMetrics

_EVERY: Final = 5.0
_TIMEOUT: Final = 1.0

Place = tuple[str, int]


class LagGauge:
    """Lives in the consumer's thread.

    A topic's end is known from the last fetch. Only while nothing is fetched is the broker asked
    for it: beside a fetch the answer would wait until that one is answered.
    """

    def __init__(self, consumer: Consumer, metrics: ConsumerMetrics) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._logged: dict[Place, int] = {}
        self._due = time.monotonic()

    def logged(self, place: Place, offset: int) -> None:
        """Everything before ``offset`` is in the log."""
        self._logged[place] = offset

    def reassigned(self, taken_away: Sequence[TopicPartition] = ()) -> None:
        """Other partitions are this worker's from now on."""
        for each in taken_away:
            self._logged.pop((each.topic, each.partition), None)
        self._metrics.lag.clear()
        self._due = time.monotonic()

    def observe(self, fetching: bool) -> None:
        """Does something every 5 s at most."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        partitions = self._consumer.assignment()
        self._metrics.assigned.set(len(partitions))
        try:
            self._start_from_committed(partitions)
            for each in partitions:
                self._measure(each, fetching)
        except KafkaException:
            # The gauges keep their last values while the broker is away.
            return

    def _start_from_committed(self, partitions: list[TopicPartition]) -> None:
        new = [each for each in partitions if (each.topic, each.partition) not in self._logged]
        for each in self._consumer.committed(new, timeout=_TIMEOUT) if new else []:
            self._logged[each.topic, each.partition] = each.offset

    def _measure(self, partition: TopicPartition, fetching: bool) -> None:
        low, high = self._consumer.get_watermark_offsets(partition, _TIMEOUT, cached=fetching)
        # What is not known yet is negative, as is the offset of a group that committed none.
        logged = max(0, low, self._logged[partition.topic, partition.partition])
        self._metrics.lag.labels(partition.topic, partition.partition).set(max(0, high - logged))
