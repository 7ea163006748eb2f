"""The items in MongoDB. Every change of stock is one atomic, journaled write."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import MongoClient, ReturnDocument, WriteConcern
from pymongo.collection import Collection

from devstack.inventory.items import SAMPLE_ITEMS

Document = dict[str, Any]
DURABLE = WriteConcern(w="majority", j=True, wtimeout=5000)


class ItemNotFound(Exception):
    """No item has the id, or the id is malformed."""


@dataclass(frozen=True)
class StockChange:
    """A saved change, with the item after the change."""

    item: Document
    previous_stock: int


def now() -> datetime:
    return datetime.now(UTC)


def object_id(text: str) -> ObjectId:
    if not ObjectId.is_valid(text):
        raise ItemNotFound
    return ObjectId(text)


class ItemStore:
    """Items by id, with the overwriting update of the absolute contract."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self.items: Collection[Document] = client[database].get_collection(
            "items", write_concern=DURABLE
        )

    def seed(self) -> None:
        """Adds the missing sample items; leaves the others as they are."""
        for sample in SAMPLE_ITEMS:
            item = _new_item(sample.name, sample.description, sample.price, sample.stock)
            key = {"_id": ObjectId(sample.item_id)}
            self.items.update_one(key, {"$setOnInsert": item}, upsert=True)

    def ping(self) -> None:
        self._client.admin.command("ping")

    def all(self) -> list[Document]:
        return list(self.items.find({}, {"operations": 0}, sort=[("_id", 1)], limit=100))

    def get(self, item_id: str) -> Document:
        item = self.items.find_one({"_id": object_id(item_id)}, {"operations": 0})
        if item is None:
            raise ItemNotFound
        return item

    def add(self, name: str, description: str, price: float, stock: int) -> Document:
        item = _new_item(name, description, price, stock)
        self.items.insert_one(item)
        return item

    def overwrite_stock(self, item_id: str, stock: int) -> StockChange:
        """Reads the previous stock and overwrites it in one step. An equal value is no change."""
        before = self.items.find_one_and_update(
            {"_id": object_id(item_id), "stock": {"$ne": stock}},
            {"$set": {"stock": stock, "updatedAt": (changed := now())}},
            {"operations": 0},
            return_document=ReturnDocument.BEFORE,
        )
        if before is None:
            return StockChange(item := self.get(item_id), item["stock"])
        return StockChange({**before, "stock": stock, "updatedAt": changed}, before["stock"])


def _new_item(name: str, description: str, price: float, stock: int) -> Document:
    created = now()
    item = {"name": name, "description": description, "price": float(price), "stock": stock}
    bookkeeping = {"operations": [], "generation": 0}
    return {**item, "createdAt": created, "updatedAt": created, **bookkeeping}
