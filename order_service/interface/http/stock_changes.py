"""/api/stock-changes"""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from order_service.application.callers import Scope
from order_service.application.use_cases import UseCases
from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.interface.http.access import needs
from order_service.interface.http.answers import ShownStockChange, StockChangesAnswer
from order_service.interface.http.routes import parsed, says
from order_service.interface.http.schemas import StockChangesParameters


def blueprint(use_cases: UseCases) -> APIBlueprint:
    tag = Tag(
        name="Stock changes", description="Every change of an item's stock that was heard of."
    )
    stock_changes = APIBlueprint(
        "stock_changes", __name__, url_prefix="/api/stock-changes", abp_tags=[tag]
    )

    @stock_changes.get(
        "",
        **says("listStockChanges", {200: StockChangesAnswer}, InvalidValue, StoreUnavailable),
    )
    @needs(Scope.STOCK_READ)
    @parsed
    def list_stock_changes(query: StockChangesParameters) -> Response:
        """List the stock changes, newest first."""
        page, more = use_cases.list_stock_changes(query.query())
        return StockChangesAnswer.model_construct(
            stock_changes=[ShownStockChange.of(each) for each in page],
            next_cursor=page[-1].id if more else None,
        ).response()

    return stock_changes
