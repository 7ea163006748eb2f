"""The indexes that the documents ask for, and the proof that a unique one is there.

What may exist once (an order for a key, an entry for a record) is promised by a unique index and by
nothing else. So what it guards is not written before this process has seen it.
"""

from dataclasses import dataclass
from typing import Any, Final

from mongoengine import Document
from pymongo.errors import OperationFailure

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.failures import NOT_MIGRATED

# Of an index's options: what it is good for.
_TELLING: Final = ("unique", "partialFilterExpression")
_BAD_HINT: Final = 2


@dataclass(frozen=True, slots=True)
class Index:
    """``options``: those of createIndexes."""

    collection: Documents
    name: str
    keys: list[tuple[str, int]]
    options: dict[str, Any]

    @property
    def full_name(self) -> str:
        return f"{self.collection.name}.{self.name}"

    @property
    def is_unique(self) -> bool:
        return bool(self.options.get("unique"))

    @property
    def holds(self) -> dict[str, Any]:
        """A filter of the documents that are in it."""
        found: dict[str, Any] = self.options.get("partialFilterExpression", {})
        return found

    def is_there(self) -> bool:
        """Made to the end, and of this kind."""
        found = self.collection.index_information().get(self.name)
        if found is None or list(found["key"]) != self.keys:
            return False
        is_alike = all(found.get(name) == self.options.get(name) for name in _TELLING)
        return is_alike and self._is_ready()

    def _is_ready(self) -> bool:
        """One that is still being made is listed as well, but it can't be read, nor does it hold
        anybody back yet."""
        try:
            self.collection.find_one(self.holds, ["_id"], hint=self.name)
        except OperationFailure as error:
            if error.code != _BAD_HINT:
                raise
            return False
        return True


def indexes_of(database: Database, document: type[Document]) -> list[Index]:
    """The unique ones first."""
    collection, found = collection_of(database, document), []
    for spec in document._meta["index_specs"]:
        options = {name: value for name, value in spec.items() if name not in ("fields", "name")}
        found.append(Index(collection, spec["name"], list(spec["fields"]), options))
    return sorted(found, key=lambda index: not index.is_unique)


class UniqueIndexes:
    """Those that the document asks for; where there are ``names``, those of these names."""

    def __init__(self, database: Database, document: type[Document], *names: str) -> None:
        self._database = database
        self._document = document
        self._names = names
        self._were_seen = False

    def require(self) -> None:
        """Raises StoreUnavailable until they are there; looks no more once they were."""
        if self._were_seen:
            return
        with store_errors():
            indexes = indexes_of(self._database, self._document)
            missing = [each for each in indexes if self._counts(each) and not each.is_there()]
        if missing:
            raise StoreUnavailable(NOT_MIGRATED)
        self._were_seen = True

    def _counts(self, index: Index) -> bool:
        return index.is_unique and (not self._names or index.name in self._names)
