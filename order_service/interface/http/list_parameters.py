"""Types for the parameters of every list."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

# As people, and programs in many languages, write it. A blank before the offset was a plus that
# somebody put into the query string unquoted.
_ISO_8601 = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<minute>[0-9]{2}:[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?:Z|(?P<sign>[+ -])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-5][0-9]))?)",
    re.IGNORECASE,
)


def _instant(value: Any) -> datetime:
    """The time, rounded up to a whole millisecond, as orders' times are. Pydantic alone would also
    take 1700000000 and times without a zone."""
    found = _ISO_8601.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time as ISO 8601 with its zone, such as 2026-01-31T12:00:00Z")
    sign = (found["sign"] or "+").replace(" ", "+")
    zone = f"{sign}{found['hours'] or '00'}:{found['minutes'] or '00'}"
    clock = f"{found['minute']}:{found['second'] or '00'}"
    at = datetime.fromisoformat(f"{found['date']}T{clock}{zone}")
    milliseconds = ceil(Decimal(f"0.{found['fraction'] or 0}") * 1000)
    try:
        return at.astimezone(UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError("is out of range") from None


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("must be a whole number")
    return value


Instant = Annotated[datetime, BeforeValidator(_instant)]
PageSize = Annotated[int, Field(ge=1, le=100), BeforeValidator(_digits)]
