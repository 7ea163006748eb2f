"""A poisoned record as a dead letter: whole, or as much of it as a topic takes."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.config import LARGEST_MESSAGE
from order_service.infrastructure.kafka.decoding import Poison
from order_service.infrastructure.kafka.delivery import Outgoing
from order_service.infrastructure.kafka.records import LostRecord, Record

_ROOM_FOR_ABOUT: Final = 64 * 1024
_PART_OF_VALUE: Final = 64 * 1024
_PART_OF_KEY: Final = 1024
_LONGEST_REASON: Final = 500

About = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Poisoned:
    record: Record
    poison: Poison

    @property
    def dead_letter_topic(self) -> str:
        return self.record.topic() + headers.SUFFIX


def whole(poisoned: Poisoned) -> Outgoing:
    """The whole record, with its fault; a part where no topic of ours takes the whole."""
    record = poisoned.record
    sent = headers.read(record)
    if _size(record, sent) > LARGEST_MESSAGE - _ROOM_FOR_ABOUT:
        return in_part(poisoned)
    about = _about(poisoned)
    if isinstance(record, LostRecord):
        about[headers.CUT] = "headers,key,value"
    elif headers.unreadable(sent):
        about[headers.CUT] = "headers"
    kept = headers.without(sent, headers.DEAD_LETTER)
    return _outgoing(poisoned, record.key(), record.value(), about, kept)


def in_part(poisoned: Poisoned) -> Outgoing:
    """The beginnings of the record's value and key, with its fault."""
    key, content = poisoned.record.key(), poisoned.record.value()
    return _cut(poisoned, key and key[:_PART_OF_KEY], content and content[:_PART_OF_VALUE])


def bare(poisoned: Poisoned) -> Outgoing:
    """The record's place and fault. The place is the key: some topics demand a key."""
    record = poisoned.record
    place = f"{record.topic()}/{record.partition()}/{record.offset()}"
    return _cut(poisoned, place.encode(), None)


# From the largest to the smallest.
SHAPES: Final[tuple[Callable[[Poisoned], Outgoing], ...]] = (whole, in_part, bare)


def _cut(poisoned: Poisoned, key: bytes | None, content: bytes | None) -> Outgoing:
    record, about = poisoned.record, _about(poisoned)
    original = record.value()
    if original is not None:
        about[headers.VALUE_BYTES] = len(original)
        about[headers.VALUE_SHA256] = hashlib.sha256(original).hexdigest()
    lacking = {
        "headers": bool(headers.read(record)),
        "key": key != record.key(),
        "value": content != original,
    }
    about[headers.CUT] = ",".join(name for name, lacks in lacking.items() if lacks)
    return _outgoing(poisoned, key, content, about, [])


def _about(poisoned: Poisoned) -> About:
    record, poison = poisoned.record, poisoned.poison
    return {
        headers.TOPIC: record.topic(),
        headers.PARTITION: record.partition(),
        headers.OFFSET: record.offset(),
        headers.TIMESTAMP: record.timestamp()[1],
        headers.CODE: poison.code,
        headers.REASON: poison.reason[:_LONGEST_REASON],
    }


def _outgoing(
    poisoned: Poisoned,
    key: bytes | None,
    value: bytes | None,
    about: About,
    kept: list[headers.Header],
) -> Outgoing:
    sent = kept + headers.encode(headers.DEAD_LETTER, about)
    return Outgoing(poisoned.dead_letter_topic, value, key, sent)


def _size(record: Record, sent: Iterable[headers.Header]) -> int:
    texts = (len(name) * 4 + len(content or b"") for name, content in sent)
    return len(record.value() or b"") + len(record.key() or b"") + sum(texts)
