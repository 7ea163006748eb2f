"""The headers that dead letters and their replays carry; the one place that knows the names.

A dead letter has its original's key, value and headers, and beside them ``dead-letter.*``: where
the original was, when it was produced (ms since 1970), and what is wrong with it. A replay has the
original's key, value and headers, and beside them ``replay.*``: where the record was first
delivered, which stays its identity in the log, and how often it was replayed. Where the log has
another record from there, its identity is a place in the dead-letter topic that no record has.

Of an original that is too large for a dead letter there is a part: ``dead-letter.cut`` names what
is not whole, and ``dead-letter.value-bytes`` and ``dead-letter.value-sha256`` tell of its value.
"""

from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import Final, Protocol

from order_service.application.stock_log.changes import Place
from order_service.settings.topics import DEAD_LETTER_SUFFIX

Header = tuple[str, bytes | None]


class HasHeaders(Protocol):
    def headers(self) -> list[Header] | None: ...
    def set_headers(self, value: list[Header]) -> None: ...


# A topic's dead letters are in the topic of its name with this behind it.
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


# A list of headers that can't be read whole has holes, which end the process when touched. The
# bindings return it with the error beside it, and that is looked at for any call but those that the
# interpreter has found to be frequent, and shortened. This one it can't shorten.
_ask: Final = methodcaller("headers")


def read(record: HasHeaders) -> Sequence[Header]:
    """The record's headers; a mark alone where they can't be read, as when a name is not UTF-8."""
    try:
        return _ask(record) or ()
    except Exception:  # noqa: BLE001  (the last resort)
        # Asked again, the bindings would hand out the list with the holes.
        record.set_headers([_UNREADABLE])
        return (_UNREADABLE,)


def unreadable(headers: Sequence[Header]) -> bool:
    return _UNREADABLE in headers


def group(headers: Iterable[Header], prefix: str) -> dict[str, str]:
    """The headers of one prefix as text, without it; the last of equal names counts."""
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
    """A whole number from 0, below ``end``; None for anything else, which a stranger may write."""
    if not text or len(text) > len(str(end)) or not (text.isascii() and text.isdecimal()):
        return None
    return found if (found := int(text)) < end else None


def place(fields: dict[str, str]) -> Place | None:
    """None where a field is missing, or can't be what it should be."""
    topic = fields.get(TOPIC, "")
    partition = number(fields.get(PARTITION), _INT32)
    offset = number(fields.get(OFFSET), _INT64)
    if not 0 < len(topic) <= _LONGEST_TOPIC or partition is None or offset is None:
        return None
    return Place(topic, partition, offset)
