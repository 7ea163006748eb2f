"""The dead-letter topics, for people who read and replay letters, in no consumer group."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from confluent_kafka import Consumer

from order_service.application.stock_log.dead_letters import DeadLetter, DeadLetterQuery
from order_service.domain.errors import InvalidValue
from order_service.infrastructure.kafka.delivery import Delivery
from order_service.infrastructure.kafka.headers import SUFFIX
from order_service.infrastructure.kafka.letters import to_letter, to_replay
from order_service.infrastructure.kafka.reading import (
    MakeReader,
    Span,
    opened,
    records_in,
    spans,
    topics_there,
)

_WHAT: Final = "The dead letters"


class KafkaDeadLetterBox:
    """``topics``: the original topics, whose dead letters are read."""

    def __init__(
        self,
        make_reader: MakeReader,
        make_delivery: Callable[[], Delivery],
        topics: Sequence[str],
    ) -> None:
        self._make_reader = make_reader
        self._make_delivery = make_delivery
        self._topics = topics
        self._delivery: Delivery | None = None

    def size(self, query: DeadLetterQuery) -> int:
        with opened(self._make_reader, _WHAT) as reader:
            return sum(span.end - span.first for span in self._spans(reader, query))

    def missing(self, query: DeadLetterQuery) -> list[str]:
        with opened(self._make_reader, _WHAT) as reader:
            return _missing(self._asked_for(query), topics_there(reader))

    def letters(self, query: DeadLetterQuery) -> Iterator[DeadLetter]:
        with opened(self._make_reader, _WHAT) as reader:
            for span in list(self._spans(reader, query)):
                yield from map(to_letter, records_in(reader, span))

    def replay(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        self._delivery = self._delivery or self._make_delivery()
        outcomes = self._delivery.deliver([to_replay(letter) for letter in letters])
        return [each for each, error in zip(letters, outcomes, strict=True) if error is None]

    def _spans(self, reader: Consumer, query: DeadLetterQuery) -> Iterator[Span]:
        topics, there = self._asked_for(query), topics_there(reader)
        if _missing(topics, there) == topics:
            raise InvalidValue(
                "KAFKA_STOCK_TOPICS",
                f"Kafka has no topic {' and none '.join(topics)}, nor their dead letters. Either "
                "nothing was sent yet, or the name or KAFKA_BROKER is wrong, or this user may not "
                "see them.",
            )
        for topic in (each + SUFFIX for each in topics):
            yield from spans(reader, topic, query.since)

    def _asked_for(self, query: DeadLetterQuery) -> list[str]:
        if query.topic is None:
            return list(self._topics)
        if query.topic not in self._topics:
            known = ", ".join(self._topics)
            raise InvalidValue("topic", f"it is none of KAFKA_STOCK_TOPICS ({known})")
        return [query.topic]


def _missing(topics: Sequence[str], there: Collection[str]) -> list[str]:
    return [each for each in topics if each not in there and each + SUFFIX not in there]
