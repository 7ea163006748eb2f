"""What is there several times and may be there once, because it was written before its unique index
was made. Nothing of it is deleted: what loses its place stays elsewhere."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from order_service.infrastructure.mongo.connection import as_long_as_it_takes
from order_service.infrastructure.mongo.indexes import Index
from order_service.infrastructure.mongo.order_indexes import ONE_HOLD_FOR_EACH_SLOT

ASIDE: Final = "stock_changes_doubled"
# Ids that are named of each.
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Double:
    """``ids``: the oldest first. ``resolve`` lets that one keep its place, and says so."""

    what: str
    kind: str
    ids: list[Any]
    move: Callable[[list[Any]], None]
    moved: str

    def __str__(self) -> str:
        return f"{self.what}: {len(self.ids)} {self.kind}: {_listed(self.ids)}."

    def resolve(self) -> str:
        oldest, *others = self.ids
        self.move(others)
        return f"{self.what}: {oldest} keeps it; {self.moved}: {_listed(others)}."


Doubles = Callable[[Index], Iterable[Double]]


def doubled_orders(index: Index) -> Iterator[Double]:
    """Orders of one key, or held orders of one slot: each is an order that its customer was told
    of."""
    of_slot = index.name == ONE_HOLD_FOR_EACH_SLOT
    freed, named = ("hold.slot", "slot") if of_slot else ("idempotency", "key")

    def free(ids: list[Any]) -> None:
        change = {"$unset": {freed: ""}, "$inc": {"version": 1}}
        with as_long_as_it_takes(index.collection.database):
            index.collection.update_many({"_id": {"$in": ids}}, change)

    for (caller, name), ids in _found(index):
        # As JSON, so that a name can't look like a line of ours.
        what = f"{named.capitalize()} {json.dumps(name)} of caller {json.dumps(caller)}"
        yield Double(what, "orders", ids, free, f"orders that stay, without the {named}")


def doubled_entries(index: Index) -> Iterator[Double]:
    """Entries of one record."""

    def set_aside(ids: list[Any]) -> None:
        these = {"_id": {"$in": ids}}
        with as_long_as_it_takes(index.collection.database):
            index.collection.aggregate([{"$match": these}, {"$merge": {"into": ASIDE}}])
            index.collection.delete_many(these)

    for (topic, partition, offset), ids in _found(index):
        what = f"Record {json.dumps(topic)}[{partition}]@{offset}"
        yield Double(what, "entries", ids, set_aside, f"entries that are now in {ASIDE}")


def _found(index: Index) -> Iterator[tuple[list[Any], list[Any]]]:
    """What they hold in common, and their ids."""
    fields = [name for name, _ in index.keys]
    pipeline = [
        {"$match": index.holds},
        {"$group": {"_id": [f"${name}" for name in fields], "count": {"$sum": 1}}},
        {"$match": {"count": {"$gt": 1}}},
        {"$sort": {"_id": 1}},
    ]
    with as_long_as_it_takes(index.collection.database):
        groups = list(index.collection.aggregate(pipeline, allowDiskUse=True))
    for group in groups:
        alike = dict(zip(fields, group["_id"], strict=True))
        with as_long_as_it_takes(index.collection.database):
            found = index.collection.find(alike, ["_id"]).sort([("createdAt", 1), ("_id", 1)])
            ids = [each["_id"] for each in found]
        yield group["_id"], ids


def _listed(ids: list[Any]) -> str:
    more = len(ids) - _NAMED
    named = ", ".join(str(each) for each in ids[:_NAMED])
    return f"{named} and {more} more" if more > 0 else named
