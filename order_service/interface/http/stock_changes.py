"""/api/stock-changes"""

from flask import Response
from flask_openapi import Tag

from order_service.application.callers import Scope
from order_service.application.stock_log.list import ListStockChanges
from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.interface.http.answers import ShownStockChange, StockChangesAnswer
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import StockChangesParameters

_TAG = Tag(name="Stock changes", description="Every stock change that the service received.")


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
