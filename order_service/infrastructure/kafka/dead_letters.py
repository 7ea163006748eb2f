"""Poisoned records go to their topic's dead-letter topic, ``<topic>-dlt``."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from order_service.application.outage import Outage
from order_service.domain.errors import BrokerUnavailable
from order_service.infrastructure.kafka.burial import SHAPES, Poisoned
from order_service.infrastructure.kafka.config import LARGEST_MESSAGE
from order_service.infrastructure.kafka.delivery import Delivery
from order_service.infrastructure.kafka.outages import CONNECTIONS
from order_service.infrastructure.kafka.records import LostRecord

# Without expiry: a dead letter that expires unread is a lost event.
# zstd, as librdkafka bounds the expansion of zstd alone (``expansion``).
_TOPIC_CONFIG: Final = {
    "retention.ms": "-1",
    "max.message.bytes": str(LARGEST_MESSAGE),
    "compression.type": "zstd",
}
_BROKER_DEFAULT: Final = -1
# More records than are read in the seconds until a topic is known to be made anew.
_REMEMBERED: Final = 50_000
_TIMEOUT: Final = 10.0
# Errors of the record itself, from the broker or librdkafka: a retry fails as well.
_AGAINST_THE_RECORD: Final = {
    KafkaError._INVALID_ARG,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    KafkaError.INVALID_RECORD,
}

log = structlog.get_logger(__name__)


class DeadLetterPublisher:
    def __init__(self, delivery: Delivery, make_admin: Callable[[], AdminClient]) -> None:
        self._delivery = delivery
        self._make_admin = make_admin
        self._known_topics: set[str] = set()
        self._buried: dict[int, None] = {}
        self._not_made = Outage("dead_letter_topic_not_created", log)

    def unburied(self, poisoned: Sequence[Poisoned]) -> list[Poisoned]:
        """The records that were not published lately. When a topic was made anew its partitions
        are begun again, and some records come twice. Of a lost record only the place is known,
        which another record may have had, so lost records are always published."""
        return [p for p in poisoned if _is_lost(p) or _mark(p) not in self._buried]

    def publish(self, poisoned: list[Poisoned]) -> None:
        """Publish the records, and remove the confirmed ones from the list. A record that the topic
        does not take whole is published in part.

        Raises BrokerUnavailable while a record is left in the list.
        """
        for topic in {each.dead_letter_topic for each in poisoned} - self._known_topics:
            self._make_topic(topic)
        left = list(poisoned)
        failures: list[tuple[Poisoned, KafkaError]] = []
        for shape in SHAPES:
            outcomes = self._delivery.deliver([shape(each) for each in left])
            failed = [(p, error) for p, error in zip(left, outcomes, strict=True) if error]
            refused = [p for p, error in failed if error.code() in _AGAINST_THE_RECORD]
            left = refused if shape is not SHAPES[-1] else []
            failures += [pair for pair in failed if pair[0] not in left]
            if not left:
                break
        failed_ones = {id(each) for each, _ in failures}
        self._remember(each for each in poisoned if id(each) not in failed_ones)
        poisoned[:] = [each for each, _ in failures]
        if failures:
            raise _unpublished(*failures[0])

    def _remember(self, buried: Iterable[Poisoned]) -> None:
        self._buried.update(dict.fromkeys(map(_mark, buried)))
        for oldest in list(islice(self._buried, max(0, len(self._buried) - _REMEMBERED))):
            del self._buried[oldest]

    def _make_topic(self, topic: str) -> None:
        """No error if the topic can't be made: publishing tells whether the topic exists."""
        new = NewTopic(topic, _BROKER_DEFAULT, _BROKER_DEFAULT, config=dict(_TOPIC_CONFIG))
        admin = self._make_admin()
        try:
            admin.create_topics([new], request_timeout=_TIMEOUT)[topic].result()
            log.info("dead_letter_topic_created", topic=topic)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                if not CONNECTIONS.troubled:
                    self._not_made.failed(topic=topic, reason=reason.str())
                return
        self._not_made.over()
        self._known_topics.add(topic)


def _is_lost(poisoned: Poisoned) -> bool:
    return isinstance(poisoned.record, LostRecord)


def _mark(poisoned: Poisoned) -> int:
    """Equal for two deliveries of one record alone."""
    r = poisoned.record
    return hash((r.topic(), r.partition(), r.offset(), r.timestamp(), r.key(), r.value()))


def _unpublished(poisoned: Poisoned, error: KafkaError | None) -> BrokerUnavailable:
    record, reason = poisoned.record, error.str() if error else ""
    return BrokerUnavailable(
        f"{record.topic()}[{record.partition()}] stands at offset {record.offset()}, whose dead "
        f"letter {poisoned.dead_letter_topic} does not take: {reason}."
    )
