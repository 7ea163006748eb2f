"""Read the orders, page by page."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class OrderPlace:
    """An order's place among all orders: newest first by the store's clock, then by id. The place
    never changes."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """``customer_id``: whose orders; None for every customer's. ``item_id``: orders with a line of
    this item. Times bound ``created_at``, [from,
    to). ``after``: the last order of the previous page."""

    customer_id: str | None = None
    reference: str | None = None
    item_id: str | None = None
    status: OrderStatus | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    after: OrderPlace | None = None
    limit: int = 20


class OrderPages(Protocol):
    def page(self, query: OrderQuery) -> list[Order]:
        """Newest first, at a cost that does not grow with the number of orders."""
        ...


@dataclass(frozen=True, slots=True)
class OrderPage:
    """``next``: the place that the next page comes after; None on the last page."""

    orders: list[Order]
    next: OrderPlace | None


class ListOrders:
    def __init__(self, pages: OrderPages) -> None:
        self._pages = pages

    def __call__(self, query: OrderQuery) -> OrderPage:
        """A page, newest first. Raises StoreUnavailable."""
        found = self._pages.page(replace(query, limit=query.limit + 1))
        orders = found[: query.limit]
        if len(found) <= query.limit:
            return OrderPage(orders, None)
        return OrderPage(orders, OrderPlace(orders[-1].created_at, orders[-1].id))
