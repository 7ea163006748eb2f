"""Databases whose indexes are made once, and that many tests use one after the other: to make the
indexes takes longer than most tests."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

from order_service.infrastructure.mongo import schema
from order_service.settings import Settings
from tests.integration.connections import opened, store_settings

# A test that ended a moment ago may have a thread left that writes.
_AT_REST = 3
_MARK = "schema"
_Shape = dict[str, Any]


class MigratedStores:
    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: MongoClient[dict[str, Any]] = MongoClient(uri)
        self._resting: deque[tuple[str, _Shape]] = deque()

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def one(self, **given: Any) -> Iterator[Settings]:
        """The settings of an empty, migrated database. What was changed but its documents is not
        used again."""
        name, shape = self._resting.popleft() if len(self._resting) > _AT_REST else self._made()
        self._empty(name)
        yield store_settings(self._uri, mongo_database=name, **given)
        if self._shape(name, [*shape]) == shape:
            self._empty(name)
            self._resting.append((name, shape))
        else:
            self._client.drop_database(name)

    def _made(self) -> tuple[str, _Shape]:
        settings = store_settings(self._uri)
        with opened(settings) as database:
            schema.migrate(database)
        name = settings.mongo_database
        return name, self._shape(name, self._client[name].list_collection_names())

    def _empty(self, name: str) -> None:
        database = self._client[name]
        for collection in database.list_collection_names(filter={"name": {"$ne": _MARK}}):
            database[collection].delete_many({})

    def _shape(self, name: str, collections: list[str]) -> _Shape:
        """The options and indexes of these collections, and the mark that migration left."""
        database = self._client[name]
        options = {each["name"]: each["options"] for each in database.list_collections()}
        indexes = {each: database[each].index_information() for each in collections}
        mark = list(database[_MARK].find())
        shape = {each: (options.get(each), indexes[each], mark) for each in collections}
        # Of a profile that was asked for.
        return shape | {each: options[each] for each in options if each.startswith("system.")}
