"""The repository of orders, over mongomock and over MongoDB."""

from collections.abc import Iterator
from typing import Any

import mongomock
import pytest
from mongomock.collection import BulkOperationBuilder

from devstack.mongod import Mongod
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.indexes import UniqueIndexes, indexes_of
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from tests.integration.connections import connected
from tests.suites.order_repository import *  # noqa: F403


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Any:
    add_update = BulkOperationBuilder.add_update

    def as_pymongo_calls_it(
        bulk: BulkOperationBuilder, *args: Any, sort: None = None, **options: Any
    ) -> None:
        add_update(bulk, *args, **options)

    # PyMongo 4.11 passes one argument more than mongomock 4.3 knows.
    monkeypatch.setattr(BulkOperationBuilder, "add_update", as_pymongo_calls_it)
    # mongomock can't show an index's options, so the proof that they are there can't be had.
    monkeypatch.setattr(UniqueIndexes, "require", lambda _: None)
    client: Any = mongomock.MongoClient(tz_aware=True)
    for index in indexes_of(client["orders"], OrderDocument):
        index.collection.create_index(index.keys, name=index.name, **index.options)
    return client["orders"]


@pytest.fixture(scope="module")
def migrated(mongo: Mongod) -> Iterator[Database]:
    with connected(mongo.uri) as database:
        schema.migrate(database)
        yield database


@pytest.fixture
def database(migrated: Database) -> Database:
    """Without an order. Making the indexes anew for each test would take most of the time."""
    migrated["orders"].delete_many({})
    return migrated


@pytest.fixture(params=["mocked", "database"])
def store(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def repository(store: Any) -> MongoOrderRepository:
    return MongoOrderRepository(store)


@pytest.fixture
def outbox(store: Any) -> MongoOutbox:
    return MongoOutbox(store)
