"""/api/stock-changes"""

from typing import Any, Literal, Self

from flask import Response
from flask_openapi import Tag
from pydantic import Field

from order_service.application.callers import Scope
from order_service.application.place import Place
from order_service.application.stock_log.changes import LoggedStockChange
from order_service.application.stock_log.list import ListStockChanges
from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.interface.http.answers import Answer, Id, Time
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import StockChangesParameters

_TAG = Tag(name="Stock changes", description="Every stock change that the service received.")


class Source(Answer):
    """The record of the stock topic."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, place: Place) -> Self:
        return cls.model_construct(**place._asdict())


class ShownStockChange(Answer):
    id: Id = Field(alias="_id")
    event: Literal["STOCK_UPDATED"] = "STOCK_UPDATED"
    item_id: str
    previous_stock: int
    new_stock: int
    change_type: Literal["added", "reduced"]
    change_amount: int
    updated_at: Time
    contradictory: bool
    """newStock - previousStock is not what changeType and changeAmount say."""
    payload: dict[str, Any]
    """The whole event as it came."""
    source: Source
    created_at: Time

    @classmethod
    def of(cls, logged: LoggedStockChange) -> Self:
        change = logged.change
        return cls.model_construct(
            id=logged.id,
            item_id=change.item_id,
            previous_stock=change.previous_stock,
            new_stock=change.new_stock,
            change_type=change.change_type,
            change_amount=change.change_amount,
            updated_at=change.updated_at,
            contradictory=change.contradictory,
            payload=change.payload,
            source=Source.of(change.place),
            created_at=logged.created_at,
        )


class StockChangesAnswer(Answer):
    stock_changes: list[ShownStockChange]
    next_cursor: str | None
    """Null on the last page. Other pages hold fewer than `limit` if the events are large."""


def routes(list_stock_changes: ListStockChanges) -> Routes:
    stock_changes = Routes("stock_changes", "/api/stock-changes", _TAG)

    @stock_changes.get(
        "",
        Scope.STOCK_READ,
        "listStockChanges",
        {200: StockChangesAnswer},
        InvalidValue,
        StoreUnavailable,
    )
    def list_page(query: StockChangesParameters) -> Response:
        """List the stock changes, newest first."""
        page, more = list_stock_changes(query.query())
        return StockChangesAnswer.model_construct(
            stock_changes=[ShownStockChange.of(each) for each in page],
            next_cursor=page[-1].id if more else None,
        ).response()

    return stock_changes
