"""What the orders record of an item's stock, as reconciliation reads it: streams, sorted by the
server."""

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from bson import MaxKey, MinKey, ObjectId

from order_service.domain.history import Change
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.connection import (
    Database,
    Fields,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.order_indexes import OF_AN_ITEM_BY_CHANGE
from order_service.reconciliation.evidence import (
    NONE_HELD,
    Held,
    MoveOfOrders,
    Share,
    UnprovenOrder,
)
from order_service.reconciliation.reconcile import OpenOrderCounts

# The server would fill 16 MB, which are a hundred in Python.
BATCH: Final = 2000
_NOT_THERE: Final = {"$exists": False}
_THERE: Final = {"$exists": True}
# Of itemId, and then of createdAt and _id, both descending.
_BY_ITEM: Final = "list_item"
_BY_ITEM_AND_STATUS: Final = "list_item_status"

_HELD: Final = str(OrderStatus.RESERVED)
_HAVE: Final = [str(OrderStatus.COMPLETED), _HELD]
_GAVE_BACK: Final = [str(OrderStatus.CANCELLED), str(OrderStatus.EXPIRED)]
_FAILED: Final = str(OrderStatus.FAILED)
# An order that failed took nothing, or gave back what it took.
_OWES_RETURN: Final = {"$or": [{"status": {"$in": _GAVE_BACK}}, {"line.taken": _THERE}]}
_UNPROVEN: Final[dict[str, tuple[Fields, Fields]]] = {
    "taken": ({"status": {"$in": [*_HAVE, *_GAVE_BACK]}}, {"line.taken": _NOT_THERE}),
    "returned": (
        {"status": {"$in": [*_GAVE_BACK, _FAILED]}},
        {"line.returned": _NOT_THERE} | _OWES_RETURN,
    ),
}
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
_BROUGHT_BACK: Final = {
    "$in": [str(Change.ORDER_BROUGHT_BACK), {"$ifNull": ["$history.event", []]}]
}
_IN_TIME: Final = dict.fromkeys(("move.at", "move.previousStock", "move.newStock", "_id"), 1)


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


class OrderBooks:
    """The orders' part of Books. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._orders = collection_of(database, OrderDocument)

    def next_item(self, after: str) -> str:
        """The least item of an order behind ``after``; "" where there is none.

        The index has an entry for each item of an order. Asked to sort by itemId, the server would
        take an order for its least item, and read every order. A server answers in the order of the
        index all the same, but the shards of a cluster answer in any order: so every answer has to
        stand until no other is less.
        """
        least = ""
        while order := self._any_between(after, least):
            items = order["itemId"] if isinstance(order["itemId"], list) else [order["itemId"]]
            least = min(item for item in map(str, items) if item > after)
        return least

    def size(self, item_id: str | None, since: datetime | None) -> int:
        with store_errors():
            if item_id is None and since is None:
                return self._orders.estimated_document_count()
            if item_id is None:
                return self._orders.count_documents(updated_from(since))
            wanted = {"itemId": ObjectId(item_id)} | updated_from(since)
            return self._orders.count_documents(wanted, hint=_index_for(since))

    def moves(self, item_id: str, since: datetime | None) -> Iterator[MoveOfOrders]:
        takes = self._served(item_id, "taken", since)
        returns = self._served(item_id, "returned", since)
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

    def unproven(self, item_id: str, since: datetime | None) -> Iterator[UnprovenOrder]:
        for name, (of_order, of_line) in _UNPROVEN.items():
            side = _SIDE[name] | {"brought_back": _BROUGHT_BACK}
            steps: list[Fields] = [{"$match": of_line}, {"$project": side}]
            for order in self._with_line(item_id, since, of_order, steps):
                by_word = _is_by_word(order, item_id)
                share, is_back = _share(order, name), order["brought_back"]
                yield UnprovenOrder(share, order["stored"], by_word, is_back)

    def open_orders(self, item_id: str) -> OpenOrderCounts:
        item = ObjectId(item_id)
        waiting: Fields = {"itemId": item, "awaitingSince": _THERE}
        # Releases before 0.3 did not name the items in doubt, and an order had one item then.
        in_doubt = {"stuck": _THERE, "stuck.items": {"$in": [item, None]}}
        with store_errors():
            return OpenOrderCounts(
                self._orders.count_documents(waiting | {"stuck": _NOT_THERE}),
                self._orders.count_documents(waiting | in_doubt),
                self._held(item),
            )

    def _held(self, item: ObjectId) -> Held:
        wanted: Fields = {"itemId": item, "status": _HELD, "heldUntil": _THERE}
        group = {"_id": None, "orders": {"$sum": 1}, "units": {"$sum": "$line.quantity"}}
        steps = [{"$match": wanted}, _line_of(item), {"$group": group}]
        for found in self._orders.aggregate(steps, hint=_BY_ITEM_AND_STATUS):
            return Held(found["orders"], found["units"])
        return NONE_HELD

    def _any_between(self, after: str, before: str) -> Fields | None:
        """An order with an item behind ``after`` and, where that is given, ahead of ``before``."""
        bounds = {"min": _bound(after, MinKey()), "max": _bound(before, MaxKey())}
        with store_errors():
            return self._orders.find_one({}, ["itemId"], hint=_BY_ITEM, **bounds)

    def _served(self, item_id: str, name: str, since: datetime | None) -> Iterator[_Served]:
        steps: list[Fields] = [
            {"$match": {f"line.{name}": _THERE}},
            {"$project": _SIDE[name]},
            {"$match": {} if since is None else {"stored": {"$gte": since}}},
            {"$sort": _IN_TIME},
        ]
        for order in self._with_line(item_id, since, {}, steps):
            move = order["move"]
            yield _Served(
                move["at"],
                move["previousStock"],
                move["newStock"],
                _share(order, name),
                order["stored"],
                _is_by_word(order, item_id),
            )

    def _with_line(
        self, item_id: str, since: datetime | None, of_order: Fields, steps: list[Fields]
    ) -> Iterator[Fields]:
        """The orders of the item, each with its line of the item as ``line``, after the steps."""
        item = ObjectId(item_id)
        wanted = {"itemId": item} | updated_from(since) | of_order
        found: list[Fields] = [{"$match": wanted}, _line_of(item)]
        with store_errors():
            yield from self._orders.aggregate(
                [*found, *steps], allowDiskUse=True, batchSize=BATCH, hint=_index_for(since)
            )


def _line_of(item: ObjectId) -> Fields:
    """A step that gives each order its line of the item as ``line``."""
    of_item = {"input": "$lines", "cond": {"$eq": ["$$this.itemId", item]}}
    # An order of one line has the line's fields itself.
    own = {field: f"${field}" for field in ("quantity", "taken", "returned")}
    line = {"$cond": [{"$isArray": "$lines"}, {"$first": {"$filter": of_item}}, own]}
    return {"$set": {"line": line}}


def _bound(item_id: str, end: MinKey | MaxKey) -> Fields:
    """A bound of a walk along _BY_ITEM. The other fields descend, so MinKey is behind all entries
    of the item, and MaxKey ahead of them."""
    return {"itemId": ObjectId(item_id) if item_id else end, "createdAt": end, "_id": end}


def _index_for(since: datetime | None) -> str:
    return _BY_ITEM if since is None else OF_AN_ITEM_BY_CHANGE


def updated_from(since: datetime | None) -> Fields:
    return {} if since is None else {"updatedAt": {"$gte": since}}


def _split(alike: list[_Served], change: int) -> list[list[_Served]]:
    """Operations of a millisecond may have the same stocks, and served one order each."""
    if all(each.share.change == change for each in alike):
        return [[each] for each in alike]
    return [alike]


def _share(order: Fields, name: str) -> Share:
    sign = -1 if name == "taken" else 1
    return Share(str(order["_id"]), sign * order["quantity"])


def _is_by_word(order: Fields, item_id: str) -> bool:
    """A person's word settles at the time it is given, and moves the items that were in doubt."""
    doubtful = order.get("doubtful")
    is_meant = not doubtful or ObjectId(item_id) in doubtful
    return is_meant and bool(order.get("decided") == order["stored"])
