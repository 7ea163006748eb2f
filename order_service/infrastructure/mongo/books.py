"""Orders and stock-change log as reconciliation reads them: streams, sorted by the server."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from order_service.application.stock_log.changes import StockChangeQuery
from order_service.infrastructure.mongo.connection import (
    Database,
    Fields,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.order_books import BATCH, OrderBooks, updated_from
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument
from order_service.infrastructure.mongo.stock_change_pages import filter_of
from order_service.reconciliation.evidence import (
    SLACK,
    LoggedChange,
    MoveOfOrders,
    UnprovenOrder,
    shifted,
)
from order_service.reconciliation.reconcile import OpenOrderCounts

_LATEST_POSSIBLE: Final = {"$add": ["$createdAt", SLACK // timedelta(milliseconds=1)]}
# An event's time is whatever its sender wrote. What the log has heard of is not still to come.
_POSSIBLE_TIME: Final = {
    "$cond": [{"$gt": ["$updatedAt", _LATEST_POSSIBLE]}, "$createdAt", "$updatedAt"]
}


class MongoBooks:
    """See Books. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._orders = OrderBooks(database)
        self._log = collection_of(database, StockChangeDocument)

    def items(self) -> Iterator[str]:
        item_id = ""
        while item_id := self._next_item(item_id):
            yield item_id

    def size(self, item_id: str | None, since: datetime | None) -> int:
        orders = self._orders.size(item_id, since)
        with store_errors():
            if item_id is None and since is None:
                return orders + self._log.estimated_document_count()
            return orders + self._log.count_documents(_changed_from(item_id, since))

    def moves(self, item_id: str, since: datetime | None) -> Iterator[MoveOfOrders]:
        return self._orders.moves(item_id, since)

    def changes(self, item_id: str, since: datetime | None) -> Iterator[LoggedChange]:
        wanted = _changed_from(item_id, since)
        fields = {"previousStock": 1, "newStock": 1, "updatedAt": 1, "at": _POSSIBLE_TIME}
        steps: list[Fields] = [
            {"$match": wanted},
            {"$project": fields},
            {"$sort": {"at": 1, "_id": 1}},
        ]
        with store_errors():
            for entry in self._log.aggregate(steps, allowDiskUse=True, batchSize=BATCH):
                at, told_at = entry["at"], entry["updatedAt"]
                yield LoggedChange(
                    str(entry["_id"]),
                    entry["previousStock"],
                    entry["newStock"],
                    at,
                    None if at == told_at else told_at,
                )

    def unproven(self, item_id: str, since: datetime | None) -> Iterator[UnprovenOrder]:
        return self._orders.unproven(item_id, since)

    def open_orders(self, item_id: str) -> OpenOrderCounts:
        return self._orders.open_orders(item_id)

    def logged_until(self) -> datetime | None:
        with store_errors():
            newest = self._log.find_one({}, ["createdAt"], sort=[("_id", -1)])
        return newest["createdAt"] if newest else None

    def _next_item(self, after: str) -> str:
        """A seek along an index of each, so that no list of all has to be kept. An id in the log
        that is none of ours can't be an order's, nor be asked for."""
        in_log = {"$gt": after, "$regex": r"^[0-9a-f]{24}\z"}
        with store_errors():
            entry = self._log.find_one({"itemId": in_log}, ["itemId"], sort=[("itemId", 1)])
        found = [self._orders.next_item(after), entry["itemId"] if entry else ""]
        return min(filter(None, found), default="")


def _changed_from(item_id: str | None, since: datetime | None) -> Fields:
    """Entries of changes since then, or of one item's. Whatever was logged long before a change was
    made is misdated, and counts as old as its entry. So the index of an item's entries, which has
    their ids, leaves out what is old."""
    logged = None if since is None else shifted(since, -SLACK)
    query = StockChangeQuery(item_id=item_id, created_from=logged)
    return filter_of(query) | updated_from(since)
