"""GET /api/orders: its parameters, and the link to the next page."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from order_service.application.orders.list import OrderPage, OrderQuery
from order_service.domain.status import OrderStatus
from order_service.interface.http.cursors import read_cursor, write_cursor
from order_service.interface.http.list_parameters import Instant, PageSize
from order_service.interface.http.schemas import HexId, Reference, Schema


class OrderListParameters(Schema):
    item_id: HexId | None = Field(None, alias="itemId")
    """Orders with a line of this item."""
    reference: Reference | None = None
    """Orders to which the shop gave this number."""
    status: OrderStatus | None = None
    created_after: Instant | None = Field(None, alias="createdAfter")
    """Created at this time or later."""
    created_before: Instant | None = Field(None, alias="createdBefore")
    """Created before this time."""
    cursor: Annotated[str, Field(max_length=64)] | None = None
    """The nextCursor of a page of the same list."""
    limit: PageSize = 20

    def query(self, customer_id: str | None) -> OrderQuery:
        """Raises InvalidValue for a cursor of another list."""
        return OrderQuery(
            customer_id=customer_id,
            reference=self.reference,
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
        # Cursors are made with these, and outlive an upgrade: what is new comes last, where given.
        narrowed = self.item_id, self.status, self.created_after, self.created_before
        return narrowed if self.reference is None else (*narrowed, self.reference)


def link_to_next(path: str, given: Mapping[str, str], cursor: str) -> str:
    """A Link header (RFC 8288), relative to the request, so that no proxy's name can be wrong."""
    parameters = urlencode({**given, "cursor": cursor})
    return f'<{path}?{parameters}>; rel="next"'
