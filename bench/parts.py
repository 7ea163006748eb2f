"""The parts under every service: one MongoDB, one Kafka and one inventory for the whole run."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection

from devstack.inventory import SampleInventory
from devstack.inventory.store import ItemStore
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod

_INVENTORY = "inventory"
# No item ever runs out of so much stock, and the inventory can hold far more.
PLENTY = 1_000_000_000
ITEMS = 1_000


class Parts:
    """``items``: sold in turn; ``hot``: the one item that every client wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mongo = Mongod(folder / "mongo")
        self.kafka = KafkaBroker(folder / "kafka")
        self.inventory = SampleInventory(
            self.mongo.uri,
            self.kafka.bootstrap,
            database=_INVENTORY,
            log_path=folder / "inventory.log",
        )
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for part in (self.mongo, self.kafka, self.inventory):
                undo.enter_context(part)
            self._client: MongoClient[dict[str, Any]] = undo.enter_context(
                MongoClient(self.mongo.uri, tz_aware=True)
            )
            self._add_items()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    @property
    def mongod_version(self) -> str:
        return str(self._client.server_info()["version"])

    def pids(self) -> dict[str, int]:
        started = {"mongod": self.mongo, "kafka": self.kafka, "inventory": self.inventory}
        return {name: part.pid for name, part in started.items()}

    def orders(self, database: str) -> Collection[dict[str, Any]]:
        """The orders of the service with that database."""
        return self._client[database]["orders"]

    def _add_items(self) -> None:
        store = ItemStore(self._client, _INVENTORY)
        first = store.add("A thing", "For a measurement", 9.99, PLENTY)
        self._stock = store.items
        ids = [first["_id"], *(ObjectId() for _ in range(ITEMS))]
        store.items.insert_many([{**first, "_id": each} for each in ids[1:]])
        self.hot, *self.items = map(str, ids)

    def restock(self) -> None:
        """Sets every stock back to its first value. Call it while no service sells."""
        fresh = {"stock": PLENTY, "operations": [], "generation": 0}
        self._stock.update_many({"name": "A thing"}, {"$set": fresh})

    def stock(self) -> int:
        """Units of all items together."""
        items = self._stock.find({"name": "A thing"}, {"stock": 1})
        return sum(item["stock"] for item in items)
