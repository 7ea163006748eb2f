"""Times, money and words as the commands print them: one form for people, one for programs."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

_ONE_WORD: Final = re.compile(r"[\w.:|@/+~-]+")


def printable(text: str) -> str:
    """Text from outside, on one line, so that it neither steers the reader's terminal nor looks
    like a line of the command's own. Line ends, escapes, marks that turn the direction of writing
    and halves of surrogates are shown as Python writes them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def iso(time: datetime | None) -> str | None:
    """A time for programs: ISO 8601 UTC with milliseconds and Z."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact_time(time: datetime) -> str:
    """A time for people, in UTC, to the millisecond."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{time.microsecond // 1000:03}"


def quoted(name: str) -> str:
    """A name from outside in the midst of a sentence: in quotes, where it could be taken for more
    words of the sentence."""
    return name if _ONE_WORD.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def money(value: Decimal) -> str:
    """Money for people, with the digits that it has."""
    return f"{value:f}"


def money_number(value: Decimal | None) -> int | float | None:
    """Money for programs: the shortest float that reads back as this decimal."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def age(span: timedelta) -> str:
    """A time span in its two largest units: 3 d 4 h, 2 min 5 s."""
    seconds = max(0, int(span.total_seconds()))
    units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")]
    parts = []
    for size, name in units:
        if seconds >= size:
            parts.append(f"{seconds // size} {name}")
            seconds %= size
    return " ".join(parts[:2]) or "0 s"
