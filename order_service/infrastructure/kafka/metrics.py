"""What is counted and timed between this process and Kafka."""

import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from order_service.application.overview.workers import PartitionLag
from order_service.domain.errors import BrokerUnavailable

_PREFIX = "order_service_stock_events"
_BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class ConsumerMetrics:
    """``topics``: those whose counters begin at 0 at once, so that a rate counts the first record
    too."""

    def __init__(self, registry: CollectorRegistry, topics: Sequence[str] = ()) -> None:
        self.consumed = Counter(
            f"{_PREFIX}_consumed", "Records taken from Kafka.", ["topic"], registry=registry
        )
        self.written = Counter(
            f"{_PREFIX}_written", "New entries in the stock-change log.", registry=registry
        )
        self.duplicates = Counter(
            f"{_PREFIX}_duplicate", "Records that were in the log already.", registry=registry
        )
        self.dead_lettered = Counter(
            f"{_PREFIX}_dead_lettered",
            "Records published to a dead-letter topic.",
            ["topic", "code"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            f"{_PREFIX}_batch_seconds",
            "From a batch's records in hand to its offsets stored.",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.lag = Gauge(
            f"{_PREFIX}_lag",
            "Records of a partition that are not logged yet.",
            ["topic", "partition"],
            registry=registry,
        )
        self.missed = Counter(
            f"{_PREFIX}_missed",
            "Records that their topic deleted before they were read.",
            ["topic"],
            registry=registry,
        )
        self.made_anew = Counter(
            f"{_PREFIX}_topics_made_anew",
            "Topics that were deleted and made again, and are read from their beginning.",
            ["topic"],
            registry=registry,
        )
        self.paused = Gauge(
            f"{_PREFIX}_paused", "1 while the store or the broker is waited for.", registry=registry
        )
        self.assigned = Gauge(
            f"{_PREFIX}_assigned_partitions", "Partitions of this worker.", registry=registry
        )
        for counter in (self.consumed, self.missed, self.made_anew):
            for topic in topics:
                counter.labels(topic)
        self._polled_at = time.monotonic()
        Gauge(
            f"{_PREFIX}_seconds_since_poll", "Since Kafka was last polled.", registry=registry
        ).set_function(self.seconds_since_poll)

    def lags(self) -> list[PartitionLag]:
        """As far as they were measured. For any thread."""
        [lag] = self.lag.collect()
        return [
            PartitionLag(each.labels["topic"], int(each.labels["partition"]), int(each.value))
            for each in lag.samples
        ]

    def places_with_lag(self) -> set[tuple[str, int]]:
        """Topics and partitions."""
        return {(each.topic, each.partition) for each in self.lags()}

    def polled(self) -> None:
        self._polled_at = time.monotonic()

    def seconds_since_poll(self) -> float:
        return time.monotonic() - self._polled_at


def publish_failures(registry: CollectorRegistry) -> Counter:
    return Counter(
        "order_service_event_publish_failures",
        "Events that the broker did not confirm; they stay in the outbox, and are tried again.",
        registry=registry,
    )


def tell_whether_up(registry: CollectorRegistry, check: Callable[[], None]) -> None:
    """``check`` raises BrokerUnavailable while Kafka does not answer; a scrape calls it."""

    def is_up() -> bool:
        try:
            check()
        except BrokerUnavailable:
            return False
        return True

    Gauge("order_service_kafka_up", "1 while Kafka answers.", registry=registry).set_function(is_up)
