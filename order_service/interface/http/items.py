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
from order_service.application.stock_log.series import (
    Point,
    ReadStockSeries,
    StockSeries,
)
from order_service.domain.errors import (
    InvalidValue,
    InventoryUnavailable,
    NoSuchItem,
    StoreUnavailable,
)
from order_service.interface.http.answers import Answer, Id, Money, Time
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import ItemPath, StockSeriesParameters

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


class ShownStock(Answer):
    at: Time
    stock: int
    """In units."""

    @classmethod
    def of(cls, point: Point) -> Self:
        return cls.model_construct(at=point.at, stock=point.stock)


class ShownPoint(ShownStock):
    jump: bool
    """The change did not begin where the one before it ended: one is missing, or was lost."""
    previous_stock: int | None
    """Where the change began; null where `exact` is false."""

    @classmethod
    def of(cls, point: Point) -> Self:
        return cls.model_construct(
            at=point.at, stock=point.stock, jump=point.jump, previous_stock=point.previous
        )


class StockSeriesAnswer(Answer):
    item_id: Id
    from_: Time = Field(alias="from")
    """Rounded down to a whole second."""
    to: Time
    """Rounded up to a whole second."""
    exact: bool
    """True: `points` has each change, at the time at which the log received it. False: there are
    more than 500 changes, and `points` has the stock at 240 moments, evenly spaced and at least a
    second apart."""
    before: ShownStock | None
    """The stock that the last change before `from` left, and when the log received that change;
    null where the log has none."""
    points: list[ShownPoint]

    @classmethod
    def of(cls, series: StockSeries) -> Self:
        return cls.model_construct(
            item_id=series.item_id,
            from_=series.begin,
            to=series.end,
            exact=series.exact,
            before=ShownStock.of(series.before) if series.before else None,
            points=[ShownPoint.of(point) for point in series.points],
        )


def routes(get_item: GetItem, read_stock_series: ReadStockSeries) -> Routes:
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

    @items.get(
        "/<item_id>/stock",
        Scope.STOCK_READ,
        "getItemStock",
        {200: StockSeriesAnswer},
        NoSuchItem,
        InvalidValue,
        StoreUnavailable,
    )
    def stock(path: ItemPath, query: StockSeriesParameters) -> Response:
        """Read an item's stock over a time, as the log tells it.

        The inventory is not asked. An item that the log has never heard of has no points.
        """
        series = read_stock_series(path.item_id, query.logged_from, query.logged_to)
        return StockSeriesAnswer.of(series).response()

    return items
