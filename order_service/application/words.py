"""Times, lists and numbers in sentences for people, wherever the sentences are made."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

_NAMED: Final = 5


def clock_time(time: datetime) -> str:
    """A time for people, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def names(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more


def counted(number: int, one: str, more: str | None = None) -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
