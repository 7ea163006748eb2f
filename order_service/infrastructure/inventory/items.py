"""What the inventory tells of an item. The request is the same in both contracts."""

from typing import Any

from order_service.application.items.get import LONGEST_DESCRIPTION, LONGEST_NAME, Item
from order_service.domain.errors import InventoryUnavailable
from order_service.infrastructure.inventory.http import (
    Contract,
    InventoryHttp,
    is_of,
    read_reading,
    told,
)


class InventoryItems(Contract):
    @told
    def read_item(self, item_id: str) -> Item:
        body = read_body(self._http, item_id)
        reading = read_reading(body)
        return Item(
            item_id,
            _text(body.get("name"), LONGEST_NAME),
            _text(body.get("description"), LONGEST_DESCRIPTION),
            reading.stock,
            reading.price,
        )


def read_body(http: InventoryHttp, item_id: str) -> dict[str, Any]:
    """Raises ItemNotFound, InventoryUnavailable."""
    answer = http.get_item(f"/api/items/stock/{item_id}", item_id)
    if not is_of(item_id, answer.body):
        raise InventoryUnavailable("The inventory answered for another item.")
    return answer.body


def _text(value: Any, most: int) -> str | None:
    if not isinstance(value, str):
        return None
    text = value if len(value) <= most else f"{value[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
    # JSON can name half of a surrogate pair, which no answer of ours could be written with.
    return text.encode(errors="replace").decode()
