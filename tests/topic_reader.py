"""A topic's records, read by hand from their beginning."""

import time
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Message, TopicPartition

from tests.waiting import until


class TopicReader:
    """The topic must be there, or about to be."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reads-by-hand"})
        partitions = until(
            lambda: self._consumer.list_topics(topic, timeout=10).topics[topic].partitions, "topic"
        )
        self._consumer.assign([TopicPartition(topic, each, 0) for each in partitions])

    def read(self, number: int) -> list[Message]:
        """That many more, or those that come within 20 s."""
        found: list[Message] = []
        deadline = time.monotonic() + 20
        while len(found) < number and time.monotonic() < deadline:
            found += self._consumer.consume(number - len(found), 0.1)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()
