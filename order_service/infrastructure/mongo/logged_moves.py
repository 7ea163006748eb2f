"""Where the stock-change log has the changes that served orders."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from order_service.application.orders.history import Moved
from order_service.application.place import Place
from order_service.application.stock_log.record import ADDED, REDUCED
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    Fields,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.entry_ids import first_id
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

# The inventory's clock may be ahead of the store's or behind, and an overwrite takes its time.
_APART: Final = timedelta(minutes=5)
# Of an item's entries from the time of a change on: an item may be sold a hundred times a second,
# and the log may have been behind when the change was made.
_LOOKED_AT: Final = 10_000


class MongoLoggedMoves:
    def __init__(self, database: Database) -> None:
        self._log = collection_of(database, StockChangeDocument)

    def places_of(self, moves: Sequence[Moved]) -> Mapping[Moved, Place]:
        """See LoggedChanges. Of two changes with the same stocks, the one that was made nearest to
        the move counts. Raises StoreUnavailable."""
        with store_errors():
            found = {moved: _place_of(self._log, moved) for moved in dict.fromkeys(moves)}
        return {moved: place for moved, place in found.items() if place is not None}


def _place_of(log: Documents, moved: Moved) -> Place | None:
    item_id, move = moved
    change = move.new_stock - move.previous_stock
    if change == 0:
        # The orders took as much as they gave back, so nothing was sent.
        return None
    of_item: Fields = {
        "itemId": item_id,
        "changeType": ADDED if change > 0 else REDUCED,
        "_id": {"$gte": first_id(move.at - _APART)},
    }
    made: Fields = {
        "previousStock": move.previous_stock,
        "newStock": move.new_stock,
        "updatedAt": {"$gte": move.at - _APART, "$lte": move.at + _APART},
    }
    apart = {"$abs": {"$subtract": ["$updatedAt", move.at]}}
    nearest = log.aggregate(
        [
            {"$match": of_item},
            {"$sort": {"_id": 1}},
            {"$limit": _LOOKED_AT},
            {"$match": made},
            {"$set": {"apart": apart}},
            {"$sort": {"apart": 1, "_id": 1}},
            {"$limit": 1},
            {"$project": {"source": 1}},
        ],
        hint="of_an_item",
    )
    for entry in nearest:
        source = entry["source"]
        return Place(source["topic"], source["partition"], source["offset"])
    return None
