"""How people may write a time, a number or an id on the command line."""

import re
from datetime import UTC, datetime, timedelta
from getpass import getuser
from math import isnan
from typing import Any, Final

import click

_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ID: Final = re.compile(r"[0-9a-fA-F]{24}")

_LONGEST_NAME: Final = 100
AT_MOST: Final = click.IntRange(1, 1_000_000)


class Within(click.FloatRange):
    """A range without nan, which click's own range takes for a number within it."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def person(_: click.Context, __: click.Parameter, value: str | None) -> str:
    """The name of the person at the keyboard; for None the name that this host knows the person
    by."""
    try:
        name = (getuser() if value is None else value).strip()
    except (KeyError, OSError, ImportError):
        raise click.UsageError("This host knows no name for you: give --by NAME.") from None
    if not (name.isprintable() and 1 <= len(name) <= _LONGEST_NAME):
        given = "Your name on this host" if value is None else "The name after --by"
        rule = f"has not 1 to {_LONGEST_NAME} printable characters"
        raise click.UsageError(f"{given} {rule}: give --by NAME.")
    return name


def moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """A time in ISO 8601 (UTC unless the time has a zone), or how long ago."""
    if value is None:
        return None
    try:
        return _read(value)
    except (ValueError, OverflowError):
        text = f"{value!r} is neither a time like 2026-01-31T12:00Z nor an age like 90m, 2h, 3d."
        raise click.BadParameter(text) from None


def _read(value: str) -> datetime:
    if ago := _AGO.fullmatch(value):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    time = datetime.fromisoformat(value)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def hex_id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An order's or item's id."""
    if value is not None and not _ID.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not an id: an id has 24 hexadecimal digits.")
    return value and value.lower()
