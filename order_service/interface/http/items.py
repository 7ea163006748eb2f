"""/api/items/<id>"""

from typing import Annotated, Self

from flask import Response
from flask_openapi import Tag
from pydantic import Field

from order_service.application.callers import Scope
from order_service.application.items.get import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    GetItem,
    Item,
)
from order_service.domain.errors import InventoryUnavailable, NoSuchItem
from order_service.interface.http.answers import Answer, Id, Money
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import ItemPath

TAG = Tag(
    name="Items",
    description="An item as the inventory has it, its stock as the log tells it, and whether the "
    "orders, the log and the inventory agree.",
)


class ShownItem(Answer):
    id: Id = Field(alias="_id")
    name: Annotated[str | None, Field(max_length=LONGEST_NAME, examples=["A thing"])]
    """As the inventory has it; cut where it is longer, and null where it is no text."""
    description: Annotated[str | None, Field(max_length=LONGEST_DESCRIPTION)]
    """As the inventory has it; cut where it is longer, and null where it is no text."""
    stock: Annotated[int, Field(ge=0)]
    """The units that the inventory has now."""
    price: Money
    """Of one unit."""

    @classmethod
    def of(cls, item: Item) -> Self:
        return cls.model_construct(
            id=item.id,
            name=item.name,
            description=item.description,
            stock=item.stock,
            price=item.price,
        )


class ItemAnswer(Answer):
    item: ShownItem


def routes(get_item: GetItem) -> Routes:
    items = Routes("items", "/api/items", TAG)

    @items.get(
        "/<item_id>",
        Scope.STOCK_READ,
        "getItem",
        {200: ItemAnswer},
        NoSuchItem,
        InventoryUnavailable,
    )
    def get(path: ItemPath) -> Response:
        """Read an item, as the inventory has it now."""
        return ItemAnswer.model_construct(item=ShownItem.of(get_item(path.item_id))).response()

    return items
