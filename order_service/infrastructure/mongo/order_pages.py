"""Pages of orders."""

from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from order_service.application.orders.list import OrderQuery
from order_service.domain.order import Order
from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.order_indexes import list_index_name
from order_service.infrastructure.mongo.order_mapping import read_order
from order_service.infrastructure.mongo.orders import WITHOUT_LISTS

_NEWEST_FIRST: Final = [("createdAt", -1), ("_id", -1)]


class MongoOrderPages:
    """See OrderPages. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._orders = collection_of(database, OrderDocument)

    def page(self, query: OrderQuery) -> list[Order]:
        with store_errors():
            found = self._orders.find(_filter(query), WITHOUT_LISTS).sort(_NEWEST_FIRST)
            # Left to itself the planner could try another index, and read on and on where few
            # orders match.
            page = found.hint(list_index_name(query)).limit(query.limit)
            return [read_order(each) for each in page]


def _filter(query: OrderQuery) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if query.customer_id is not None:
        wanted["customerId"] = query.customer_id
    if query.reference is not None:
        wanted["reference"] = query.reference
    if query.item_id is not None:
        wanted["itemId"] = ObjectId(query.item_id)
    if query.status is not None:
        wanted["status"] = str(query.status)
    if bounds := _bounds(query):
        wanted["createdAt"] = bounds
    if query.after is not None:
        # The bounds above begin the walk in the place's millisecond; this passes over those of it
        # that were on the page before. Alone it could be walked from the newest order on.
        wanted["$or"] = [
            {"createdAt": {"$lt": query.after.created_at}},
            {"_id": {"$lt": ObjectId(query.after.id)}},
        ]
    return wanted


def _bounds(query: OrderQuery) -> dict[str, datetime]:
    given = {"$gte": query.created_from, "$lt": query.created_to}
    bounds = {name: at for name, at in given.items() if at is not None}
    return bounds | ({"$lte": query.after.created_at} if query.after else {})
