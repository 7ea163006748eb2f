"""An item's stock over a time, out of the log: seeks along the index of an item's entries."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Final

from bson import ObjectId

from order_service.application.stock_log.record import ADDED, REDUCED
from order_service.application.stock_log.series import LoggedStock
from order_service.infrastructure.mongo.connection import (
    Database,
    Fields,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.entry_ids import first_id
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

_TYPES: Final = (ADDED, REDUCED)
_INDEX: Final = "of_an_item"
_TOLD: Final = ("previousStock", "newStock", "updatedAt", "createdAt")


class MongoStockSeries:
    """See LoggedStocks. An id's second is that of the entry's ``createdAt``, and the index has the
    id. So no entry is read but those that are answered."""

    def __init__(self, database: Database) -> None:
        self._log = collection_of(database, StockChangeDocument)

    def between(
        self, item_id: str, begin: datetime, end: datetime, most: int
    ) -> Sequence[LoggedStock] | None:
        logged = {"$gte": first_id(begin), "$lt": first_id(end)}
        wanted: Fields = {"itemId": item_id, "changeType": {"$in": list(_TYPES)}, "_id": logged}
        with store_errors():
            found = self._log.find(wanted, {"_id": 1}, hint=_INDEX).sort("_id", 1).limit(most + 1)
            ids = [each["_id"] for each in found]
        return None if len(ids) > most else list(self._entries(ids).values())

    def latest_before(
        self, item_id: str, moments: Sequence[datetime]
    ) -> Mapping[datetime, LoggedStock]:
        """A moment's latest entry is among the latest of each type before it, and those of other
        moments that are found as well are later, or earlier still."""
        entries = self._entries(self._latest_ids(item_id, moments))
        ids = sorted(entries)
        places = {moment: bisect_left(ids, first_id(moment)) for moment in moments}
        return {moment: entries[ids[place - 1]] for moment, place in places.items() if place}

    def _latest_ids(self, item_id: str, moments: Sequence[datetime]) -> list[ObjectId]:
        if not moments:
            return []
        first, *more = [_seek(item_id, kind, at) for at, kind in product(moments, _TYPES)]
        # A pipeline may have 1000 steps, and 240 moments need 483.
        unions = [{"$unionWith": {"coll": self._log.name, "pipeline": seek}} for seek in more]
        with store_errors():
            found = self._log.aggregate([*first, *unions], hint=_INDEX)
            return [each["_id"] for each in found]

    def _entries(self, ids: Sequence[ObjectId]) -> dict[ObjectId, LoggedStock]:
        """Those that have not expired since, in the order of their ids."""
        with store_errors():
            found = self._log.find({"_id": {"$in": ids}}, _TOLD).sort("_id", 1) if ids else ()
            return {each["_id"]: LoggedStock(*(each[name] for name in _TOLD)) for each in found}


def _seek(item_id: str, kind: str, at: datetime) -> list[Fields]:
    """A hint holds for the first part of a union alone. No other index has this order, whose first
    two fields change nothing here; and the index has all that is asked for."""
    return [
        {"$match": {"itemId": item_id, "changeType": kind, "_id": {"$lt": first_id(at)}}},
        {"$sort": {"itemId": 1, "changeType": 1, "_id": -1}},
        {"$limit": 1},
        {"$project": {"_id": 1}},
    ]
