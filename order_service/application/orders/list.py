"""Read the orders, page by page."""

from dataclasses import dataclass, replace

from order_service.application.orders.ports import OrderPages, OrderPlace, OrderQuery
from order_service.domain.order import Order


@dataclass(frozen=True, slots=True)
class OrderPage:
    """``next``: what the next page comes after; None on the last one."""

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
