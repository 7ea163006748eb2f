"""Deduct and restore by operation id: applied once, and answered the same for ever.

An operation and its change of stock are one atomic write, because the item's own document keeps the
operation. The document's list stays short: the oldest operations are copied to a collection of
their own, then dropped. The item's ``generation`` counts these drops. An operation that is not
among the copies is applied only if the generation is still the one read before the look at the
copies: so no drop in between can hide an applied operation.
"""

from dataclasses import dataclass
from typing import Any, Literal

from bson import ObjectId
from pymongo import ReplaceOne, ReturnDocument

from devstack.inventory.store import (
    DURABLE,
    Document,
    ItemNotFound,
    ItemStore,
    StockChange,
    now,
    object_id,
)

Kind = Literal["deduct", "restore"]
_KEPT_IN_ITEM = 100


class NotEnough(Exception):
    """The item has too little stock; the stock is unchanged."""

    def __init__(self, stock: int) -> None:
        super().__init__(stock)
        self.stock = stock


@dataclass(frozen=True)
class Answer:
    """An operation's answer. ``change`` is None for a repeat, which changes no stock."""

    stock: int
    price: float
    change: StockChange | None


class Operations:
    """The conditional contract on an ItemStore."""

    def __init__(self, store: ItemStore) -> None:
        self._items = store.items
        self._copies = store.items.database.get_collection("operations", write_concern=DURABLE)

    def apply(self, kind: Kind, item_id: str, operation_id: str, quantity: int) -> Answer:
        item, key = object_id(item_id), f"{kind}:{operation_id}"
        signed = -quantity if kind == "deduct" else quantity
        while True:
            seen = self._look(item, key)
            known = seen["operations"] or self._copies_of(item, key, seen["generation"])
            if known:
                return Answer(known[0]["stock"], known[0]["price"], change=None)
            if seen["stock"] + signed < 0:
                raise NotEnough(seen["stock"])
            after = self._change(item, key, signed, seen["generation"])
            if after is not None:
                change = StockChange(after, after["stock"] - signed)
                return Answer(after["stock"], after["price"], change)

    def _look(self, item: ObjectId, key: str) -> Document:
        wanted = {"stock": 1, "generation": 1, "operations": {"$elemMatch": {"key": key}}}
        seen = self._items.find_one({"_id": item}, wanted)
        if seen is None:
            raise ItemNotFound
        return {"operations": [], **seen}

    def _copies_of(self, item: ObjectId, key: str, generation: int) -> list[Document]:
        if not generation:
            return []
        return list(self._copies.find({"_id": {"item": item, "key": key}}))

    def _change(self, item: ObjectId, key: str, signed: int, generation: int) -> Document | None:
        unapplied = {"_id": item, "generation": generation, "operations.key": {"$ne": key}}
        record = {"key": {"$literal": key}, "stock": "$stock", "price": "$price"}
        update: list[dict[str, Any]] = [
            {"$set": {"stock": {"$add": ["$stock", signed]}, "updatedAt": now()}},
            {"$set": {"operations": {"$concatArrays": ["$operations", [record]]}}},
        ]
        after = self._items.find_one_and_update(
            {**unapplied, "stock": {"$gte": -signed}},
            update,
            {"stock": 1, "price": 1, "updatedAt": 1, "kept": {"$size": "$operations"}},
            return_document=ReturnDocument.AFTER,
        )
        if after and after["kept"] > _KEPT_IN_ITEM:
            self._drop_oldest(item)
        return after

    def _drop_oldest(self, item: ObjectId) -> None:
        oldest = {"generation": 1, "operations": {"$slice": _KEPT_IN_ITEM // 2}}
        seen = self._items.find_one({"_id": item}, oldest)
        if seen is None or len(seen["operations"]) < _KEPT_IN_ITEM // 2:
            return
        copies = [
            {**kept, "_id": {"item": item, "key": kept["key"]}} for kept in seen["operations"]
        ]
        self._copies.bulk_write([ReplaceOne({"_id": c["_id"]}, c, upsert=True) for c in copies])
        self._items.update_one(
            {"_id": item, "generation": seen["generation"]},
            {
                "$pull": {"operations": {"key": {"$in": [copy["key"] for copy in copies]}}},
                "$inc": {"generation": 1},
            },
        )
