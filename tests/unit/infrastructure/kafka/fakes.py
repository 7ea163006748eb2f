"""In-memory stand-ins for librdkafka's clients and the log, with the promises they keep."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from order_service.application.stock_log.changes import (
    AppendResult,
    RefusedChange,
    StockChange,
)
from order_service.domain.errors import StoreUnavailable

TOPIC = "stock-updates"
GOOD: dict[str, Any] = {
    "itemId": "65f1a2b3c4d5e6f7a8b9c0d1",
    "previousStock": 100,
    "newStock": 98,
    "changeType": "reduced",
    "changeAmount": 2,
    "updatedAt": "2026-01-02T03:04:05.678Z",
}


def value(**fields: Any) -> bytes:
    """A good event, with the fields given replaced."""
    return json.dumps(GOOD | fields).encode()


def record(
    content: bytes | None,
    offset: int = 0,
    *,
    topic: str = TOPIC,
    partition: int = 0,
    key: bytes | None = None,
    headers: list[tuple[str, str | bytes | None]] | None = None,
) -> Any:
    """A message as librdkafka gives it."""
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        key=key,
        value=content,
        headers=headers,
        timestamp=(1, 1_700_000_000_000),
    )


class Sightings:
    """What the watch sees of the topics."""

    def __init__(self) -> None:
        self.anew: list[tuple[str, float]] = []

    def made_anew(self) -> list[tuple[str, float]]:
        found, self.anew = self.anew, []
        return found


class FakeBroker:
    """One topic of one partition, and one consumer of it. ``at_the_end`` is called when it waits
    for more."""

    def __init__(self, *contents: bytes | None, topic: str = TOPIC) -> None:
        self.records = [record(content, at, topic=topic) for at, content in enumerate(contents)]
        self.errors: list[Message] = []
        self.stored: dict[tuple[str, int], int] = {}
        self._at = 0
        self.paused = False
        self.closed = False
        self.polls = 0
        self.low = 0
        self.high: int | None = None
        self.assigned = [TopicPartition(topic, 0)]
        self.at_the_end: Callable[[], None] = lambda: None
        self._on_revoke: Callable[[Any, list[TopicPartition]], None] | None = None

    # --- as librdkafka's Consumer

    def subscribe(self, topics: list[str], on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        self.topics = topics
        self._on_revoke = on_revoke
        self.on_lost = on_lost
        on_assign(self, self.assigned)

    def poll(self, timeout: float) -> Message | None:
        self.polls += 1
        found = self.consume(1, timeout)
        if not found and timeout and not self.paused:
            self.at_the_end()
        return found[0] if found else None

    def consume(self, number: int, timeout: float) -> list[Message]:
        if self.errors:
            return [self.errors.pop(0)]
        if self.paused or not self.assigned:
            return []
        taken = self.records[self._at : self._at + number]
        self._at += len(taken)
        return taken

    def assignment(self) -> list[TopicPartition]:
        return self.assigned

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused = bool(partitions)

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused = False

    def store_offsets(
        self, message: Message | None = None, offsets: Sequence[TopicPartition] = ()
    ) -> None:
        if message is not None:
            place = (message.topic() or "", message.partition() or 0)
            offsets = [TopicPartition(*place, (message.offset() or 0) + 1)]
        for each in offsets:
            if (each.topic, each.partition) not in [(a.topic, a.partition) for a in self.assigned]:
                raise KafkaException(KafkaError(KafkaError._STATE))
            self.stored[each.topic, each.partition] = each.offset

    def commit(self, offsets: Sequence[TopicPartition], asynchronous: bool) -> None: ...

    def seek(self, partition: TopicPartition) -> None:
        self._at = max(0, partition.offset)

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(each.topic, each.partition, self._at) for each in partitions]

    def committed(
        self, partitions: list[TopicPartition], timeout: float = -1
    ) -> list[TopicPartition]:
        return [TopicPartition(each.topic, each.partition, -1001) for each in partitions]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        return self.low, self.high if self.high is not None else len(self.records)

    def close(self) -> None:
        self.closed = True

    # --- as the test sees it

    def revoke(self) -> None:
        taken, self.assigned = self.assigned, []
        assert self._on_revoke is not None
        self._on_revoke(self, taken)


class FakeDeadLetters:
    """``failures``: how many calls the broker answers with an error first; ``largest``: bytes of a
    record that its topic takes."""

    def __init__(self, failures: int = 0, largest: int = 1_000_000) -> None:
        self.failures = failures
        self.largest = largest
        self.published: list[tuple[int, str]] = []
        self.letters: list[Any] = []

    def deliver(self, records: Sequence[Any]) -> list[KafkaError | None]:
        if self.failures:
            self.failures -= 1
            return [KafkaError(KafkaError._MSG_TIMED_OUT)] * len(records)
        return [self._take(each) for each in records]

    def _take(self, letter: Any) -> KafkaError | None:
        texts = [letter.key, letter.value, *(part for pair in letter.headers for part in pair)]
        if sum(len(each or "") for each in texts) > self.largest:
            return KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
        headers = {name: content for name, content in letter.headers if content is not None}
        offset = int(headers["dead-letter.offset"])
        self.published.append((offset, headers["dead-letter.code"].decode()))
        self.letters.append(letter)
        return None


class FakeLog:
    """``failures``: how many appends find no store first; ``refuses``: by offset, with its code."""

    def __init__(self, failures: int = 0, refuses: dict[int, str] | None = None) -> None:
        self.failures = failures
        self.refuses = refuses or {}
        self.changes: dict[tuple[str, int, int], StockChange] = {}
        self.batches: list[int] = []

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        return lambda: self.append(changes)

    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("The order store can't be reached.")
        self.batches.append(len(changes))
        refused = [c for c in changes if c.offset in self.refuses]
        kept = [c for c in changes if c.offset not in self.refuses]
        new = {(c.topic, c.partition, c.offset): c for c in kept}
        written = len(new.keys() - self.changes.keys())
        self.changes |= new
        return AppendResult(
            written,
            len(kept) - written,
            tuple(RefusedChange(c, self.refuses[c.offset], "Why.") for c in refused),
        )

    @property
    def offsets(self) -> list[int]:
        return [offset for _, _, offset in self.changes]
