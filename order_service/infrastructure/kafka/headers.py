"""The headers that dead letters and their replays carry; the one place that knows the names.

A dead letter has its original's key, value and headers, and beside them ``dead-letter.*``: where
the original was, when it was produced (ms since 1970), and what is wrong with it. A replay has the
original's key, value and headers, and beside them ``replay.*``: where the record was first
delivered, which stays its identity in the log, and how often it was replayed.
"""

from collections.abc import Iterable

from order_service.application.ports import Place

Header = tuple[str, bytes | None]

DEAD_LETTER = "dead-letter."
REPLAY = "replay."

TOPIC, PARTITION, OFFSET = "topic", "partition", "offset"
TIMESTAMP, CODE, REASON, COUNT = "timestamp", "code", "reason", "count"


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


def place(fields: dict[str, str]) -> Place | None:
    """None where a field is missing or is no number."""
    try:
        return Place(fields[TOPIC], int(fields[PARTITION]), int(fields[OFFSET]))
    except (KeyError, ValueError):
        return None
