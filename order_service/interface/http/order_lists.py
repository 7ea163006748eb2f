"""GET /api/orders: what may be asked for, and where the next page is."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import AfterValidator, BeforeValidator, Field

from order_service.application.list_orders import OrderPage
from order_service.application.ports import OrderQuery
from order_service.domain.order import OrderStatus
from order_service.interface.http.cursors import read_cursor, write_cursor
from order_service.interface.http.schemas import HexId, Schema

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


class OrderListParameters(Schema):
    item_id: HexId | None = Field(None, alias="itemId")
    status: OrderStatus | None = None
    created_after: Instant | None = Field(None, alias="createdAfter")
    """That instant or later."""
    created_before: Instant | None = Field(None, alias="createdBefore")
    """Earlier than that instant."""
    cursor: Annotated[str, Field(max_length=64)] | None = None
    """The nextCursor of a page of the same list."""
    limit: PageSize = 20

    def query(self, customer_id: str | None) -> OrderQuery:
        """Raises InvalidValue for a cursor that is not one of this list's."""
        return OrderQuery(
            customer_id=customer_id,
            item_id=self.item_id,
            status=self.status,
            created_from=self.created_after,
            created_to=self.created_before,
            after=read_cursor(self.cursor, self._narrowed_by) if self.cursor is not None else None,
            limit=self.limit,
        )

    def next_cursor(self, page: OrderPage) -> str | None:
        return write_cursor(page.next, self._narrowed_by) if page.next else None

    @property
    def _narrowed_by(self) -> tuple[object, ...]:
        return self.item_id, self.status, self.created_after, self.created_before


def link_to_next(path: str, given: Mapping[str, str], cursor: str) -> str:
    """A Link header (RFC 8288), relative to the request, so that no proxy's name can be wrong."""
    parameters = urlencode({**given, "cursor": cursor})
    return f'<{path}?{parameters}>; rel="next"'
