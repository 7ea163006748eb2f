"""/api/stock-changes"""

from flask import Blueprint, Response, jsonify, request

from order_service.application.callers import Scope
from order_service.application.ports import StockChangeQuery
from order_service.application.use_cases import UseCases
from order_service.interface.http.access import needs
from order_service.interface.http.schemas import StockChangesParameters, stock_change_json


def blueprint(use_cases: UseCases) -> Blueprint:
    stock_changes = Blueprint("stock_changes", __name__, url_prefix="/api/stock-changes")

    @stock_changes.get("")
    @needs(Scope.STOCK_READ)
    def list_stock_changes() -> Response:
        """200 with a page, newest first; 400."""
        given = StockChangesParameters.parse(request.args.to_dict())
        query = StockChangeQuery(given.item_id, after_id=given.cursor, limit=given.limit)
        page, more = use_cases.list_stock_changes(query)
        return jsonify(
            {
                "stockChanges": [stock_change_json(each) for each in page],
                "nextCursor": page[-1].id if more else None,
            }
        )

    return stock_changes
