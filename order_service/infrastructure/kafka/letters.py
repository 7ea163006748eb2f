"""Records of a dead-letter topic as letters, and letters as records of their original topic."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from order_service.application.place import Place
from order_service.application.stock_log.changes import OFFSET_REUSED
from order_service.application.stock_log.dead_letters import DeadLetter
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.delivery import Outgoing
from order_service.infrastructure.kafka.headers import Header
from order_service.infrastructure.kafka.records import LostRecord, Record

_UNKNOWN: Final = "unknown"
# The year 10000, in ms since 1970.
_NO_TIME: Final = 253_402_300_800_000
_NO_SIZE: Final = 2**31
# Beyond any real offset, and below 2**53, up to which JSON numbers are exact.
_MADE_OFFSETS: Final = 2**52


def to_letter(record: Record) -> DeadLetter:
    """A stranger's record counts as its own original; a field that can't be read, as unknown."""
    place = Place(record.topic(), record.partition(), record.offset())
    if isinstance(record, LostRecord):
        return _unreadable(place, record.reason)
    try:
        return _letter_in(record, place)
    except Exception as error:  # noqa: BLE001  (the last resort)
        return _unreadable(place, f"It can't be read: {type(error).__name__}.")


def _unreadable(place: Place, reason: str) -> DeadLetter:
    return DeadLetter(
        place=place,
        original=place._replace(topic=place.topic.removesuffix(headers.SUFFIX)),
        first=place,
        identity=place,
        buried_at=None,
        produced_at=None,
        key=None,
        value=None,
        headers=(),
        code="unreadable",
        reason=reason,
        replays=0,
        cut="headers,key,value",
    )


def _letter_in(record: Record, place: Place) -> DeadLetter:
    sent = headers.read(record)
    about = headers.group(sent, headers.DEAD_LETTER)
    replayed = headers.group(sent, headers.REPLAY)
    topic = place.topic.removesuffix(headers.SUFFIX)
    told = _place_in(topic, about)
    code = about.get(headers.CODE, _UNKNOWN)
    value = record.value()
    first = _first_place(headers.place(replayed), told, code, place)
    return DeadLetter(
        place=place,
        original=told or place._replace(topic=topic),
        first=first,
        identity=_made_place(first, place.topic, value) if code == OFFSET_REUSED else first,
        buried_at=_time(record.timestamp()[1]),
        produced_at=_time(headers.number(about.get(headers.TIMESTAMP), _NO_TIME)),
        key=record.key(),
        value=value,
        headers=tuple(headers.without(sent, headers.DEAD_LETTER)),
        code=code,
        reason=about.get(headers.REASON, "Not put here by this service."),
        replays=headers.number(replayed.get(headers.COUNT)) or 0,
        cut=about.get(headers.CUT, ""),
        value_bytes=headers.number(about.get(headers.VALUE_BYTES), _NO_SIZE) or len(value or b""),
        value_sha256=about.get(headers.VALUE_SHA256),
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


def _place_in(topic: str, about: dict[str, str]) -> Place | None:
    """The original's place, if in ``topic``: a replay goes to no topic that a stranger names."""
    told = headers.place(about)
    return told if told and told.topic == topic else None


def _first_place(replayed: Place | None, told: Place | None, code: str, place: Place) -> Place:
    if replayed and replayed.topic in (place.topic, place.topic.removesuffix(headers.SUFFIX)):
        return replayed
    return place if told is None or code == _UNKNOWN else told


def _made_place(taken: Place, letters: str, value: bytes | None) -> Place:
    """An identity for a record whose place the log gives to another record. Made of ``taken`` and
    the value, it is the same in each of the record's letters: there may be several."""
    said = blake2b(f"{taken.topic}/{taken.offset}/".encode() + (value or b""), digest_size=8)
    number = int.from_bytes(said.digest()) % _MADE_OFFSETS
    return Place(letters, taken.partition, _MADE_OFFSETS + number)


def _time(milliseconds: int | None) -> datetime | None:
    """None where the time is unknown, or beyond the calendar."""
    if milliseconds is None or not 0 <= milliseconds < _NO_TIME:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
