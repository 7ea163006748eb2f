"""How far the log is behind the topics, partition by partition."""

import time
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from order_service.infrastructure.kafka.metrics import ConsumerMetrics

_EVERY: Final = 5.0
_TIMEOUT: Final = 1.0

Place = tuple[str, int]


class LagGauge:
    """Lives in the consumer's thread. Asks the broker every 5 s at most, 1 s at longest."""

    def __init__(self, consumer: Consumer, metrics: ConsumerMetrics) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._logged: dict[Place, int] = {}
        self._due = time.monotonic()

    def logged(self, place: Place, offset: int) -> None:
        """Everything before ``offset`` is in the log."""
        self._logged[place] = offset

    def forget(self, partitions: list[TopicPartition]) -> None:
        """They are no longer this worker's."""
        for each in partitions:
            self._logged.pop((each.topic, each.partition), None)
            self._metrics.lag.clear()
        self._due = time.monotonic()

    def observe(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        partitions = self._consumer.assignment()
        self._metrics.assigned.set(len(partitions))
        try:
            self._start_from_committed(partitions)
            for each in partitions:
                self._measure(each)
        except KafkaException:
            # The gauges keep their last values while the broker is away.
            return

    def _start_from_committed(self, partitions: list[TopicPartition]) -> None:
        new = [each for each in partitions if (each.topic, each.partition) not in self._logged]
        for each in self._consumer.committed(new, timeout=_TIMEOUT) if new else []:
            self._logged[each.topic, each.partition] = each.offset

    def _measure(self, partition: TopicPartition) -> None:
        low, high = self._consumer.get_watermark_offsets(partition, timeout=_TIMEOUT)
        # Nothing committed yet is a negative number.
        logged = max(low, self._logged[partition.topic, partition.partition])
        self._metrics.lag.labels(partition.topic, partition.partition).set(max(0, high - logged))
