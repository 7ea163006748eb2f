"""Pages of orders."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from order_service.application.ports import OrderPlace, OrderQuery
from order_service.domain.order import Order
from order_service.infrastructure.mongo.connection import store_errors
from order_service.infrastructure.mongo.documents import OrderDocument, to_order
from order_service.infrastructure.mongo.order_indexes import list_index_name

_NEWEST_FIRST: Final = [("createdAt", -1), ("_id", -1)]
# Unpublished events are the relay's, and may be many.
_WITHOUT_EVENTS: Final = {"outbox": 0}


class MongoOrderPages:
    """See OrderPages. Raises StoreUnavailable."""

    def page(self, query: OrderQuery) -> list[Order]:
        orders = OrderDocument._get_collection()
        with store_errors():
            found = orders.find(_filter(query), _WITHOUT_EVENTS).sort(_NEWEST_FIRST)
            # Left to itself the planner could try another index, and read on and on where few
            # orders match.
            page = found.hint(list_index_name(query)).limit(query.limit)
            return [to_order(OrderDocument._from_son(each)) for each in page]


def _filter(query: OrderQuery) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if query.customer_id is not None:
        wanted["customerId"] = query.customer_id
    if query.item_id is not None:
        wanted["itemId"] = ObjectId(query.item_id)
    if query.status is not None:
        wanted["status"] = str(query.status)
    bounds = _bounds(query.created_from, query.created_to)
    if query.after is not None:
        return wanted | _after(query.after, bounds)
    return wanted | ({"createdAt": bounds} if bounds else {})


def _bounds(first: datetime | None, end: datetime | None) -> dict[str, datetime]:
    return {name: at for name, at in (("$gte", first), ("$lt", end)) if at is not None}


def _after(place: OrderPlace, bounds: Mapping[str, datetime]) -> dict[str, Any]:
    """Two ranges of the same index, which the server walks as one: the rest of the place's
    millisecond, and what is older. Not a byte is read twice, however many share a millisecond."""
    older = {**bounds, "$lt": min(place.created_at, bounds.get("$lt", place.created_at))}
    tied = {**bounds, "$eq": place.created_at}
    return {
        "$or": [
            {"createdAt": tied, "_id": {"$lt": ObjectId(place.id)}},
            {"createdAt": older},
        ]
    }
