"""What the adapters are tried against."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from devstack.inventory import SampleInventory
from devstack.mongod import Mongod
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import connect, disconnect
from order_service.settings import Settings
from tests.integration.mongo.guarded_mongod import GuardedMongod
from tests.items import Items
from tests.misbehaving import MisbehavingInventory


@pytest.fixture(scope="session")
def _proxy(inventory: SampleInventory) -> Iterator[MisbehavingInventory]:
    with MisbehavingInventory(inventory.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(_proxy: MisbehavingInventory) -> Iterator[MisbehavingInventory]:
    """In front of the sample inventory, well-behaved at the start of each test."""
    yield _proxy
    _proxy.behave()
    _proxy.requests.clear()


@pytest.fixture
def items(inventory: SampleInventory) -> Iterator[Items]:
    with Items(inventory.url) as items:
        yield items


@contextmanager
def connected(
    uri: str, options: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Settings]:
    """The service's one connection, to a database of its own."""
    given = {"mongo_database": f"test-{uuid4().hex[:12]}", "store_timeout": 9, **settings}
    made = Settings(mongo_uri=uri, **given)
    connect(made, **(options or {}))
    try:
        yield made
    finally:
        disconnect()


@pytest.fixture
def real_store(mongo: Mongod) -> Iterator[Settings]:
    """A fresh, migrated database."""
    with connected(mongo.uri) as settings:
        schema.migrate()
        yield settings


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongod]:
    """It asks for a password, and can be told to fail."""
    mongo = GuardedMongod(tmp_path_factory.mktemp("guarded"))
    try:
        yield mongo
    finally:
        mongo.stop()
