"""Poison to its topic's dead-letter topic, ``<topic>-dlt``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from order_service.domain.errors import BrokerUnavailable
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.config import LARGEST_MESSAGE
from order_service.infrastructure.kafka.decoding import Poison
from order_service.infrastructure.kafka.delivery import Delivery, Outgoing
from order_service.infrastructure.kafka.records import Record
from order_service.setting_checks import DEAD_LETTER_SUFFIX

SUFFIX: Final = DEAD_LETTER_SUFFIX
# Kept until somebody deletes them: a dead letter that expires unread would be a lost event.
_TOPIC_CONFIG: Final = {"retention.ms": "-1", "max.message.bytes": str(LARGEST_MESSAGE)}
_BROKER_DEFAULT: Final = -1
_TIMEOUT: Final = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Poisoned:
    record: Record
    poison: Poison

    @property
    def dead_letter_topic(self) -> str:
        return self.record.topic() + SUFFIX


class DeadLetterPublisher:
    def __init__(self, delivery: Delivery, make_admin: Callable[[], AdminClient]) -> None:
        self._delivery = delivery
        self._make_admin = make_admin
        self._known_topics: set[str] = set()

    def publish(self, poisoned: list[Poisoned]) -> None:
        """Publish the records and take those that the broker confirmed out of the list.

        Raises BrokerUnavailable while one is left.
        """
        for topic in {each.dead_letter_topic for each in poisoned} - self._known_topics:
            self._make_topic(topic)
        outcomes = self._delivery.deliver([_outgoing(each) for each in poisoned])
        failures = [pair for pair in zip(poisoned, outcomes, strict=True) if pair[1] is not None]
        poisoned[:] = [each for each, _ in failures]
        if failures:
            raise _unpublished(*failures[0])

    def _make_topic(self, topic: str) -> None:
        """A topic that can't be made is left to the publishing, which tells whether it is there."""
        new = NewTopic(topic, _BROKER_DEFAULT, _BROKER_DEFAULT, config=dict(_TOPIC_CONFIG))
        admin = self._make_admin()
        try:
            admin.create_topics([new], request_timeout=_TIMEOUT)[topic].result()
            log.info("dead_letter_topic_created", topic=topic)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                log.warning("dead_letter_topic_not_created", topic=topic, reason=reason.str())
                return
        self._known_topics.add(topic)


def _outgoing(poisoned: Poisoned) -> Outgoing:
    record, poison = poisoned.record, poisoned.poison
    about: dict[str, str | int] = {
        headers.TOPIC: record.topic(),
        headers.PARTITION: record.partition(),
        headers.OFFSET: record.offset(),
        headers.TIMESTAMP: record.timestamp()[1],
        headers.CODE: poison.code,
        headers.REASON: poison.reason,
    }
    kept = headers.without(record.headers() or [], headers.DEAD_LETTER)
    return Outgoing(
        poisoned.dead_letter_topic,
        record.value(),
        record.key(),
        kept + headers.encode(headers.DEAD_LETTER, about),
    )


def _unpublished(poisoned: Poisoned, error: KafkaError | None) -> BrokerUnavailable:
    record, reason = poisoned.record, error.str() if error else ""
    return BrokerUnavailable(
        f"{record.topic()}[{record.partition()}] stands at offset {record.offset()}, whose dead "
        f"letter {poisoned.dead_letter_topic} does not take: {reason}."
    )
