"""The repository of orders, over mongomock and over MongoDB."""

from collections.abc import Iterator
from typing import Any

import mongomock
import pytest
from mongomock.collection import BulkOperationBuilder

from order_service.infrastructure.mongo import orders
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from tests.integration.conftest import connected
from tests.suites.order_repository import *  # noqa: F403


@pytest.fixture
def mock_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    add_update = BulkOperationBuilder.add_update

    def as_pymongo_calls_it(
        bulk: BulkOperationBuilder, *args: Any, sort: None = None, **options: Any
    ) -> None:
        add_update(bulk, *args, **options)

    # PyMongo 4.11 passes one argument more than mongomock 4.3 knows.
    monkeypatch.setattr(BulkOperationBuilder, "add_update", as_pymongo_calls_it)
    # mongomock can't show an index's options, so the proof that they are there can't be had.
    monkeypatch.setattr(orders, "require_unique_indexes", lambda _: None)
    with connected("mongodb://mock", {"mongo_client_class": mongomock.MongoClient}):
        OrderDocument.ensure_indexes()
        yield


@pytest.fixture(params=["mock_store", "real_store"])
def repository(request: pytest.FixtureRequest) -> MongoOrderRepository:
    request.getfixturevalue(request.param)
    return MongoOrderRepository()


@pytest.fixture
def outbox(repository: MongoOrderRepository) -> MongoOutbox:
    return MongoOutbox()
