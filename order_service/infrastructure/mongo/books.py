"""Orders and stock-change log as reconciliation reads them: streams, sorted by the server."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from bson import ObjectId

from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument
from order_service.reconciliation.evidence import (
    SLACK,
    LoggedChange,
    MoveOfOrders,
    Share,
    UnprovenOrder,
)
from order_service.reconciliation.reconcile import OpenOrderCounts

_NOT_THERE: Final = {"$exists": False}
_THERE: Final = {"$exists": True}
# The server would fill 16 MB, which are a hundred in Python.
_BATCH: Final = 2000
_LATEST_POSSIBLE: Final = {"$add": ["$createdAt", SLACK // timedelta(milliseconds=1)]}
# An event's time is whatever its sender wrote. What the log has heard of is not still to come.
_POSSIBLE_TIME: Final = {
    "$cond": [{"$gt": ["$updatedAt", _LATEST_POSSIBLE]}, "$createdAt", "$updatedAt"]
}


class _Served(NamedTuple):
    """One order's side of a move."""

    at: datetime
    previous_stock: int
    new_stock: int
    share: Share
    stored_at: datetime
    by_word: bool

    @property
    def name(self) -> tuple[datetime, int, int]:
        """The same for all that the move served; in the order of time."""
        return self[:3]


class MongoBooks:
    """See Books. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._orders = collection_of(database, OrderDocument)
        self._log = collection_of(database, StockChangeDocument)

    def items(self) -> Iterator[str]:
        item_id = ""
        while item_id := self._next_item(item_id):
            yield item_id

    def size(self, item_id: str | None, since: datetime | None) -> int:
        with store_errors():
            if item_id is None and since is None:
                orders = self._orders.estimated_document_count()
                return orders + self._log.estimated_document_count()
            updated = _from("updatedAt", since)
            orders = self._orders.count_documents(_of(item_id, ObjectId) | updated)
            return orders + self._log.count_documents(_of(item_id, str) | updated)

    def moves(self, item_id: str, since: datetime | None) -> Iterator[MoveOfOrders]:
        takes = _served(self._orders, item_id, "taken", since)
        returns = _served(self._orders, item_id, "returned", since)
        by_name = attrgetter("name")
        for (at, previous, new), group in groupby(merge(takes, returns, key=by_name), key=by_name):
            for together in _split(list(group), new - previous):
                yield MoveOfOrders(
                    tuple(each.share for each in together),
                    previous,
                    new,
                    begun_at=at,
                    stored_at=max(each.stored_at for each in together),
                    by_word=any(each.by_word for each in together),
                )

    def changes(self, item_id: str, since: datetime | None) -> Iterator[LoggedChange]:
        wanted = {"itemId": item_id} | _from("updatedAt", since)
        fields = {"previousStock": 1, "newStock": 1, "updatedAt": 1, "at": _POSSIBLE_TIME}
        steps = [{"$match": wanted}, {"$project": fields}, {"$sort": {"at": 1, "_id": 1}}]
        with store_errors():
            for entry in self._log.aggregate(steps, allowDiskUse=True, batchSize=_BATCH):
                at, told_at = entry["at"], entry["updatedAt"]
                yield LoggedChange(
                    str(entry["_id"]),
                    entry["previousStock"],
                    entry["newStock"],
                    at,
                    None if at == told_at else told_at,
                )

    def unproven(self, item_id: str, since: datetime | None) -> Iterator[UnprovenOrder]:
        done = [str(OrderStatus.COMPLETED), str(OrderStatus.CANCELLED)]
        for name, statuses in (("taken", done), ("returned", done[1:])):
            wanted = {"status": {"$in": statuses}} | _from("updatedAt", since)
            with store_errors():
                steps = [*_lines(item_id, wanted), {"$match": {f"line.{name}": _NOT_THERE}}]
                for order in self._orders.aggregate([*steps, {"$project": _SIDE[name]}]):
                    yield UnprovenOrder(
                        _share(order, name), order["stored"], _is_by_word(order, item_id)
                    )

    def open_orders(self, item_id: str) -> OpenOrderCounts:
        waiting = {"itemId": ObjectId(item_id), "awaitingSince": _THERE}
        with store_errors():
            return OpenOrderCounts(
                self._orders.count_documents(waiting | {"stuck": _NOT_THERE}),
                self._orders.count_documents(waiting | {"stuck": _THERE}),
            )

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
        found = [self._next_of_orders(after), entry["itemId"] if entry else ""]
        return min(filter(None, found), default="")

    def _next_of_orders(self, after: str) -> str:
        following: dict[str, Any] = {"$gt": ObjectId(after)} if after else _THERE
        with store_errors():
            # The server walks the index that is named in the index's order. Asked to sort, it would
            # read every order, because an order may have several items.
            order = self._orders.find_one({"itemId": following}, ["itemId"], hint="list_item")
        if order is None:
            return ""
        items = order["itemId"] if isinstance(order["itemId"], list) else [order["itemId"]]
        return min(item for item in map(str, items) if item > after)


def _lines(item_id: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The orders of the item, each with its line of the item as ``line``."""
    item = ObjectId(item_id)
    of_item = {"input": "$lines", "cond": {"$eq": ["$$this.itemId", item]}}
    # An order of one line has the line's fields itself.
    own = {name: f"${name}" for name in ("quantity", "taken", "returned")}
    line = {"$cond": [{"$isArray": "$lines"}, {"$first": {"$filter": of_item}}, own]}
    return [{"$match": {"itemId": item} | wanted}, {"$set": {"line": line}}]


# An order that is not settled yet may have taken a part of its lines.
_STORED: Final = {"taken": {"$ifNull": ["$settledAt", "$updatedAt"]}, "returned": "$updatedAt"}
_SIDE: Final = {
    name: {
        "move": f"$line.{name}",
        "quantity": "$line.quantity",
        "stored": stored,
        "decided": "$decision.at",
        "doubtful": "$decision.stuck.items",
    }
    for name, stored in _STORED.items()
}


def _served(
    orders: Documents, item_id: str, name: str, since: datetime | None
) -> Iterator[_Served]:
    steps = [
        *_lines(item_id, _from("updatedAt", since)),
        {"$match": {f"line.{name}": _THERE}},
        {"$project": _SIDE[name]},
        {"$match": _from("stored", since)},
        {"$sort": dict.fromkeys(("move.at", "move.previousStock", "move.newStock", "_id"), 1)},
    ]
    with store_errors():
        for order in orders.aggregate(steps, allowDiskUse=True, batchSize=_BATCH):
            move = order["move"]
            yield _Served(
                move["at"],
                move["previousStock"],
                move["newStock"],
                _share(order, name),
                order["stored"],
                _is_by_word(order, item_id),
            )


def _split(alike: list[_Served], change: int) -> list[list[_Served]]:
    """Operations of a millisecond may have the same stocks, and served one order each."""
    if all(each.share.change == change for each in alike):
        return [[each] for each in alike]
    return [alike]


def _share(order: dict[str, Any], name: str) -> Share:
    sign = -1 if name == "taken" else 1
    return Share(str(order["_id"]), sign * order["quantity"])


def _is_by_word(order: dict[str, Any], item_id: str) -> bool:
    """A person's word settles at the time it is given, and moves the items that were in doubt."""
    doubtful = order.get("doubtful")
    is_meant = not doubtful or ObjectId(item_id) in doubtful
    return is_meant and bool(order.get("decided") == order["stored"])


def _from(name: str, since: datetime | None) -> dict[str, Any]:
    return {} if since is None else {name: {"$gte": since}}


def _of(item_id: str | None, kind: type[Any]) -> dict[str, Any]:
    return {} if item_id is None else {"itemId": kind(item_id)}
