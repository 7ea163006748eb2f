"""What the parameters of every list are made of."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")


def _iso_8601(value: Any) -> Any:
    """Pydantic alone would take 1700000000 and times without a zone too."""
    if not isinstance(value, str) or not _ISO_8601.fullmatch(value):
        raise ValueError("must be a time as ISO 8601 with its zone, such as 2026-01-31T12:00:00Z")
    return value


def _whole_milliseconds(value: datetime) -> datetime:
    """The first millisecond from then on: orders' times are whole ones."""
    try:
        at = value.astimezone(UTC)
        return at + timedelta(microseconds=-at.microsecond % 1000)
    except OverflowError:
        raise ValueError("is out of range") from None


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("must be a whole number")
    return value


Instant = Annotated[datetime, BeforeValidator(_iso_8601), AfterValidator(_whole_milliseconds)]
PageSize = Annotated[int, Field(ge=1, le=100), BeforeValidator(_digits)]
