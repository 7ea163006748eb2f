"""What Kafka holds of one item."""

import json
import time
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.waiting import until


class Topic:
    """Reads every partition from its beginning, or ``from_now``, in no group."""

    def __init__(self, bootstrap: str, name: str, *, from_now: bool = False) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "reads-without-a-group",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
            }
        )
        partitions = until(
            lambda: self._consumer.list_topics(name, timeout=10).topics[name].partitions,
            f"the topic {name}",
        )
        self._partitions = [TopicPartition(name, partition) for partition in partitions]
        low_or_high = 1 if from_now else 0
        for partition in self._partitions:
            ends = self._consumer.get_watermark_offsets(partition, timeout=10)
            partition.offset = ends[low_or_high]
        self._starts = [partition.offset for partition in self._partitions]
        self._consumer.assign(self._partitions)
        self._seen: list[dict[str, Any]] = []

    def events(self, item_id: str, at_least: int) -> list[dict[str, Any]]:
        """The item's events in order, once there are ``at_least`` so many."""
        deadline = time.monotonic() + 10
        while len(found := self._of(item_id)) < at_least:
            assert time.monotonic() < deadline, f"only {len(found)} of {at_least} events came"
            self._read(0.2)
        return found

    def all_events(self, item_id: str) -> list[dict[str, Any]]:
        """Every event of the item that the broker has by now."""
        while self._behind():
            self._read(0.2)
        return self._of(item_id)

    def _behind(self) -> bool:
        now = self._consumer.position(self._partitions)
        ends = [self._consumer.get_watermark_offsets(p, timeout=10)[1] for p in self._partitions]
        # A partition of which nothing was read yet has no position.
        read = [max(p.offset, start) for p, start in zip(now, self._starts, strict=True)]
        return any(offset < end for offset, end in zip(read, ends, strict=True))

    def _of(self, item_id: str) -> list[dict[str, Any]]:
        return [event for event in self._seen if event["itemId"] == item_id]

    def _read(self, seconds: float) -> None:
        for message in self._consumer.consume(500, seconds):
            assert message.error() is None
            self._seen.append(json.loads(message.value() or b""))

    def close(self) -> None:
        self._consumer.close()
