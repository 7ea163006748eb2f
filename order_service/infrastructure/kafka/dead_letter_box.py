"""The dead-letter topics, for people who read and replay letters, in no consumer group."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain, pairwise
from typing import Final

from order_service.application.stock_log.dead_letters import DeadLetter, DeadLetterQuery
from order_service.domain.errors import InvalidValue
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.delivery import Delivery
from order_service.infrastructure.kafka.headers import SUFFIX
from order_service.infrastructure.kafka.letters import to_letter, to_replay
from order_service.infrastructure.kafka.reading import Reading, Span

# Records of a partition that the first round reads; each round reads twice as many as the one
# before.
_FIRST_ROUND: Final = 100
_LARGEST_ROUND: Final = 10_000
# To begin again somewhere else takes as long as to read so many records.
_NEAR: Final = 200


class KafkaDeadLetterBox:
    """``open_reading``: called for each reading; may give the same one to readings that follow each
    other. ``topics``: the original topics, whose dead letters are read."""

    def __init__(
        self,
        open_reading: Callable[[], AbstractContextManager[Reading]],
        make_delivery: Callable[[], Delivery],
        topics: Sequence[str],
    ) -> None:
        self._open_reading = open_reading
        self._make_delivery = make_delivery
        self._topics = topics
        self._delivery: Delivery | None = None

    def size(self, query: DeadLetterQuery) -> int:
        with self._open_reading() as reading:
            self._require_a_topic(reading, query)
            return sum(span.end - span.first for span in self._spans(reading, query))

    def missing(self, query: DeadLetterQuery) -> list[str]:
        with self._open_reading() as reading:
            return _missing(self._asked_for(query), reading.topics())

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        with self._open_reading() as reading:
            self._require_a_topic(reading, query)
            for span in list(self._spans(reading, query)):
                yield from map(to_letter, reading.records(span))

    def rounds(self, query: DeadLetterQuery) -> Iterator[Iterator[DeadLetter]]:
        with self._open_reading() as reading:
            left, most = list(self._spans(reading, query)), _FIRST_ROUND
            while left := [span for span in left if span.first < span.end]:
                ends = [each._replace(first=max(each.first, each.end - most)) for each in left]
                yield map(to_letter, chain.from_iterable(map(reading.records, ends)))
                left = [each._replace(end=end.first) for each, end in zip(left, ends, strict=True)]
                most = min(2 * most, _LARGEST_ROUND)

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        self._delivery = self._delivery or self._make_delivery()
        outcomes = self._delivery.deliver([to_replay(letter) for letter in letters])
        return [each for each, error in zip(letters, outcomes, strict=True) if error is None]

    def _require_a_topic(self, reading: Reading, query: DeadLetterQuery) -> None:
        topics = self._asked_for(query)
        if not query.ids and _missing(topics, reading.topics()) == topics:
            raise InvalidValue(
                "KAFKA_STOCK_TOPICS",
                f"Kafka has no topic {' and none '.join(topics)}, nor their dead letters. Either "
                "nothing was sent yet, or the name or KAFKA_BROKER is wrong, or this user may not "
                "see them.",
            )

    def _spans(self, reading: Reading, query: DeadLetterQuery) -> Iterator[Span]:
        for topic in (each + SUFFIX for each in self._asked_for(query)):
            for span in reading.spans(topic, query.since):
                yield from _around(span, query.ids) if query.ids else (span,)

    def _asked_for(self, query: DeadLetterQuery) -> list[str]:
        if query.topic is None:
            return list(self._topics)
        if query.topic not in self._topics:
            known = ", ".join(self._topics)
            raise InvalidValue("topic", f"it is none of KAFKA_STOCK_TOPICS ({known})")
        return [query.topic]


def _missing(topics: Sequence[str], there: Collection[str]) -> list[str]:
    return [each for each in topics if each not in there and each + SUFFIX not in there]


def _around(span: Span, ids: Iterable[str]) -> Iterator[Span]:
    """The parts of the span in which the letters with these ids are."""
    partition = f"{span.topic}/{span.partition}/"
    named = (each.removeprefix(partition) for each in ids if each.startswith(partition))
    numbers = {headers.number(each, span.end) for each in named}
    offsets = sorted(each for each in numbers if each is not None and each >= span.first)
    first = next(iter(offsets), span.end)
    for one, next_one in pairwise([*offsets, span.end + _NEAR]):
        if next_one - one >= _NEAR:
            yield span._replace(first=first, end=one + 1)
            first = next_one
