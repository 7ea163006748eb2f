"""Records of a dead-letter topic as letters, and letters as records of their original topic."""

from datetime import UTC, datetime
from typing import Final

from order_service.application.dead_letters import DeadLetter
from order_service.application.ports import OFFSET_REUSED, Place
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.dead_letters import SUFFIX
from order_service.infrastructure.kafka.delivery import Outgoing
from order_service.infrastructure.kafka.headers import Header
from order_service.infrastructure.kafka.records import Record

_UNKNOWN: Final = "unknown"


def to_letter(record: Record) -> DeadLetter:
    """A record that somebody else put there counts as its own original."""
    sent = record.headers() or []
    about = headers.group(sent, headers.DEAD_LETTER)
    replayed = headers.group(sent, headers.REPLAY)
    place = Place(record.topic(), record.partition(), record.offset())
    original = headers.place(about) or place._replace(topic=place.topic.removesuffix(SUFFIX))
    code = about.get(headers.CODE, _UNKNOWN)
    return DeadLetter(
        place=place,
        original=original,
        identity=headers.place(replayed) or _identity(code, original, place),
        buried_at=_time(record.timestamp()[1]),
        produced_at=_time(_number(about.get(headers.TIMESTAMP))),
        key=record.key(),
        value=record.value(),
        headers=tuple(headers.without(sent, headers.DEAD_LETTER)),
        code=code,
        reason=about.get(headers.REASON, "Not put here by this service."),
        replays=_number(replayed.get(headers.COUNT)),
    )


def to_replay(letter: DeadLetter) -> Outgoing:
    about: dict[str, str | int] = {
        headers.TOPIC: letter.identity.topic,
        headers.PARTITION: letter.identity.partition,
        headers.OFFSET: letter.identity.offset,
        headers.COUNT: letter.replays + 1,
    }
    kept: list[Header] = headers.without(letter.headers, headers.REPLAY)
    return Outgoing(
        letter.original.topic,
        letter.value,
        letter.key,
        kept + headers.encode(headers.REPLAY, about),
    )


def _identity(code: str, original: Place, place: Place) -> Place:
    # The log knows another record by the original's place, so this one is known by its letter's.
    known_otherwise = code in (OFFSET_REUSED, _UNKNOWN)
    return place if known_otherwise else original


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(max(0, milliseconds) / 1000, UTC)
