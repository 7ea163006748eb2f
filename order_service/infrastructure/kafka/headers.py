"""The headers that dead letters and their replays carry; the one place that knows the names.

A dead letter has its original's key, value and headers, and ``dead-letter.*`` headers: the
original's place, its time of production (ms since 1970) and its fault. A replay has the original's
key, value and headers, and ``replay.*`` headers: the place of the record's first delivery, which
stays the record's identity in the log, and the number of replays. If the log has another record
from that place, the identity is a place in the dead-letter topic that no record has.

A dead letter holds a part of an original that is too large: ``dead-letter.cut`` names the parts cut
short, ``dead-letter.value-bytes`` and ``dead-letter.value-sha256`` describe the original's value.
"""

from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import Final, Protocol

from order_service.application.place import Place
from order_service.settings.topics import DEAD_LETTER_SUFFIX

Header = tuple[str, bytes | None]


class HasHeaders(Protocol):
    def headers(self) -> list[Header] | None: ...
    def set_headers(self, value: list[Header]) -> None: ...


# A topic's name with this suffix is the topic of its dead letters.
SUFFIX = DEAD_LETTER_SUFFIX

DEAD_LETTER = "dead-letter."
REPLAY = "replay."

TOPIC, PARTITION, OFFSET = "topic", "partition", "offset"
TIMESTAMP, CODE, REASON, COUNT = "timestamp", "code", "reason", "count"
CUT, VALUE_BYTES, VALUE_SHA256 = "cut", "value-bytes", "value-sha256"

_LARGEST_COUNT = 1_000_000
_LONGEST_TOPIC = 249
_INT32, _INT64 = 2**31, 2**63
_UNREADABLE: Header = (f"{DEAD_LETTER}headers", b"unreadable")


# A list of headers that can't be read whole has holes, and touching a hole ends the process. The
# binding returns the list together with an error, which the interpreter checks after any call but
# one that it has specialised. It never specialises this call.
_ask: Final = methodcaller("headers")


def read(record: HasHeaders) -> Sequence[Header]:
    """The record's headers; a mark alone where they can't be read, as when a name is not UTF-8."""
    try:
        return _ask(record) or ()
    except Exception:  # noqa: BLE001  (the last resort)
        # Without this, the next call would return the list with the holes.
        record.set_headers([_UNREADABLE])
        return (_UNREADABLE,)


def unreadable(headers: Sequence[Header]) -> bool:
    return _UNREADABLE in headers


def group(headers: Iterable[Header], prefix: str) -> dict[str, str]:
    """The headers with ``prefix`` as text, their names without it; of equal names the last."""
    return {
        name.removeprefix(prefix): value.decode(errors="replace")
        for name, value in headers
        if name.startswith(prefix) and value is not None
    }


def without(headers: Iterable[Header], prefix: str) -> list[Header]:
    return [header for header in headers if not header[0].startswith(prefix)]


def encode(prefix: str, fields: dict[str, str | int]) -> list[Header]:
    return [(prefix + name, str(value).encode()) for name, value in fields.items()]


def number(text: str | None, end: int = _LARGEST_COUNT) -> int | None:
    """A whole number from 0, below ``end``; None for any other text: strangers write headers."""
    if not text or len(text) > len(str(end)) or not (text.isascii() and text.isdecimal()):
        return None
    return found if (found := int(text)) < end else None


def place(fields: dict[str, str]) -> Place | None:
    """None where a field is missing or malformed."""
    topic = fields.get(TOPIC, "")
    partition = number(fields.get(PARTITION), _INT32)
    offset = number(fields.get(OFFSET), _INT64)
    if not 0 < len(topic) <= _LONGEST_TOPIC or partition is None or offset is None:
        return None
    return Place(topic, partition, offset)
