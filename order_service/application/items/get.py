"""Read an item as the inventory has it now."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from order_service.domain.errors import ItemNotFound, NoSuchItem

# In characters. The texts are somebody else's.
LONGEST_NAME: Final = 200
LONGEST_DESCRIPTION: Final = 2000


@dataclass(frozen=True, slots=True)
class Item:
    """``stock`` in units, ``price`` of one unit. ``name`` and ``description`` are None where the
    inventory has no text there, and cut, with an ellipsis at the end, where they are longer than
    LONGEST_NAME and LONGEST_DESCRIPTION."""

    id: str
    name: str | None
    description: str | None
    stock: int
    price: Decimal


class Items(Protocol):
    def read_item(self, item_id: str) -> Item:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...


class GetItem:
    def __init__(self, items: Items) -> None:
        self._items = items

    def __call__(self, item_id: str) -> Item:
        """Raises NoSuchItem, InventoryUnavailable."""
        try:
            return self._items.read_item(item_id)
        except ItemNotFound:
            raise NoSuchItem(item_id) from None
