"""What people may write on the command line for a time or an id."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

_AGO: Final = re.compile(r"^(\d{1,6})([smhd])$")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ID: Final = re.compile(r"^[0-9a-fA-F]{24}$")


def moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """A time in ISO 8601 (UTC unless it says otherwise), or how long ago."""
    if value is None:
        return None
    if ago := _AGO.match(value):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        text = f"{value!r} is neither a time like 2026-01-31T12:00Z nor an age like 90m, 2h, 3d."
        raise click.BadParameter(text) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def hex_id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An order's or item's id."""
    if value is not None and not _ID.match(value):
        raise click.BadParameter(f"{value!r} is no id: 24 hexadecimal digits.")
    return value and value.lower()
