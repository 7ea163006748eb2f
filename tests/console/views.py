"""Every view of the console, with something in it."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.console.shop import Shop


def _order(shop: Shop) -> str:
    order = shop.place({shop.add_item(): 2, shop.add_item(): 1}, reference="R-1", holdSeconds=3600)
    return f"#/orders/{order['_id']}"


def _item(shop: Shop) -> str:
    item = shop.add_item()
    shop.place(item, 3)
    return f"#/items/{item}"


VIEWS: Final[Mapping[str, Callable[[Shop], str]]] = {
    "orders": lambda _: "#/orders",
    "order": _order,
    "new": lambda _: "#/new",
    "items": lambda _: "#/items",
    "item": _item,
    "health": lambda _: "#/health",
}
