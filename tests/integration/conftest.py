"""What the adapters are tried against."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from devstack.inventory import SampleInventory
from devstack.mongod import Mongod
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database, connect
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


def store_settings(uri: str, **settings: Any) -> Settings:
    """Those of a database of its own."""
    given = {"mongo_database": f"test-{uuid4().hex[:12]}", "store_timeout": 9, **settings}
    return Settings(mongo_uri=uri, **given)


@contextmanager
def connected(
    uri: str, options: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Database]:
    """A database of its own, as the service connects to it."""
    with opened(store_settings(uri, **settings), options) as database:
        yield database


@contextmanager
def opened(settings: Settings, options: dict[str, Any] | None = None) -> Iterator[Database]:
    database = connect(settings, **(options or {}))
    try:
        yield database
    finally:
        database.client.close()


@pytest.fixture(scope="session")
def shared() -> Shared:
    """What the processes that a test stands for share."""
    return Shared()


@pytest.fixture
def database(mongo: Mongod) -> Iterator[Database]:
    """A fresh, migrated database."""
    with connected(mongo.uri) as database:
        schema.migrate(database)
        yield database


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongod]:
    """It asks for a password, and can be told to fail."""
    mongo = GuardedMongod(tmp_path_factory.mktemp("guarded"))
    try:
        yield mongo
    finally:
        mongo.stop()
