"""Where the stock-change log has the changes that served orders."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from order_service.application.orders.history import Moved
from order_service.application.place import Place
from order_service.application.stock_log.record import ADDED, REDUCED
from order_service.domain.moves import StockMove
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
# Of an item's entries in a window: an item may be sold a hundred times a second.
_LOOKED_AT: Final = 10_000
# Seconds for all moves of an order together, because a caller waits for the answer.
_PATIENCE: Final = 1.0


class _Window(NamedTuple):
    """When the entry of a change was logged, from the time of the move on: entries know that in
    the order of their ids. ``first``: -1 where the latest entries are looked at first."""

    begin: timedelta
    end: timedelta | None
    first: int = 1


# Most often the log is seconds behind; then it was away for a while; and an operation that was sent
# again is answered long after its change was made.
_WINDOWS: Final = (
    _Window(timedelta(seconds=-10), timedelta(minutes=1)),
    _Window(timedelta(minutes=1), None),
    _Window(-_APART, timedelta(seconds=-10), first=-1),
)


class MongoLoggedMoves:
    def __init__(self, database: Database) -> None:
        self._log = collection_of(database, StockChangeDocument)

    def places_of(self, moves: Sequence[Moved]) -> Mapping[Moved, Place]:
        """See LoggedChanges. Of changes with the same stocks that were logged about the same time,
        the one that was made nearest to the move counts. What is not found within a second is left
        out as well. Raises StoreUnavailable."""
        until = time.monotonic() + _PATIENCE
        places: dict[Moved, Place] = {}
        with store_errors():
            for moved in dict.fromkeys(moves):
                place = _place_of(self._log, moved) if time.monotonic() < until else None
                if place is not None:
                    places[moved] = place
        return places


def _place_of(log: Documents, moved: Moved) -> Place | None:
    item_id, move = moved
    change = move.new_stock - move.previous_stock
    if change == 0:
        # The orders took as much as they gave back, so nothing was sent.
        return None
    of_item: Fields = {"itemId": item_id, "changeType": ADDED if change > 0 else REDUCED}
    for window in _WINDOWS:
        for entry in log.aggregate(_nearest(of_item, move, window), hint="of_an_item"):
            source = entry["source"]
            return Place(source["topic"], source["partition"], source["offset"])
    return None


def _nearest(of_item: Fields, move: StockMove, window: _Window) -> list[Fields]:
    logged: Fields = {"$gte": first_id(move.at + window.begin)}
    if window.end is not None:
        logged["$lt"] = first_id(move.at + window.end)
    made: Fields = {
        "previousStock": move.previous_stock,
        "newStock": move.new_stock,
        "updatedAt": {"$gte": move.at - _APART, "$lte": move.at + _APART},
    }
    apart = {"$abs": {"$subtract": ["$updatedAt", move.at]}}
    return [
        {"$match": of_item | {"_id": logged}},
        {"$sort": {"_id": window.first}},
        {"$limit": _LOOKED_AT},
        {"$match": made},
        {"$set": {"apart": apart}},
        {"$sort": {"apart": 1, "_id": 1}},
        {"$limit": 1},
        {"$project": {"source": 1}},
    ]
