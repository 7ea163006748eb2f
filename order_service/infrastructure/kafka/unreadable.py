"""Batches that librdkafka can't take apart, as one that expands beyond librdkafka's limit.

librdkafka reports such a batch by its first offset, and fetches it again for ever. So the batch's
records, whose number is unknown, are given up one by one until the batch is passed.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from order_service.infrastructure.kafka.records import LostRecord

UNREADABLE: Final = {KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG}
UNREADABLE_REASON: Final = "Its batch can't be read: it is damaged, or expands to too many bytes."
_TRIES: Final = 3

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Bad:
    """``batch``: its first offset; ``at``: the offset to give up next; ``times``: of reports."""

    batch: int
    at: int
    times: int = 0


class BadBatches:
    """For the consumer's thread alone."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._bad: dict[tuple[str, int], _Bad] = {}

    def reassigned(self) -> None:
        self._bad.clear()

    def given_up(self, told: Message) -> LostRecord | None:
        """``told``: the message with the error. None while the error may still pass."""
        place = (told.topic() or "", told.partition() or 0)
        batch = told.offset() or 0
        bad = self._bad.get(place)
        if bad is None or bad.batch != batch:
            bad = self._bad[place] = _Bad(batch, max(batch, self._position(place)))
        bad.times += 1
        if bad.times < _TRIES:
            return None
        lost = LostRecord((*place, bad.at), UNREADABLE_REASON)
        try:
            self._consumer.seek(TopicPartition(*place, bad.at + 1))
        except KafkaException as error:
            log.info("seek_not_possible_now", topic=place[0], partition=place[1], reason=str(error))
            return None
        bad.at += 1
        return lost

    def _position(self, place: tuple[str, int]) -> int:
        return int(self._consumer.position([TopicPartition(*place)])[0].offset)
