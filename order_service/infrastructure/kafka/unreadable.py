"""Batches that librdkafka can't take apart, as one that expands to more than it allows.

It tells of such a batch by its first offset, and fetches it again for ever. So each of its records
is given up, one after the other, until the batch is behind: nobody knows how many there are.
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
    """``at``: the record that is given up next."""

    batch: int
    at: int
    times: int = 0


class BadBatches:
    """Lives in the consumer's thread."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._bad: dict[tuple[str, int], _Bad] = {}

    def reassigned(self) -> None:
        self._bad.clear()

    def given_up(self, told: Message) -> LostRecord | None:
        """``told``: the message with the error. None while it may still pass."""
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
