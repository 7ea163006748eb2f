"""What the adapters are tried against."""

from collections.abc import Iterator

import pytest

from devstack.inventory import SampleInventory
from devstack.mongod import Mongod
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.mongo.connection import Database
from tests.integration.connections import opened
from tests.integration.migrated_stores import MigratedStores
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


@pytest.fixture(scope="session")
def shared() -> Shared:
    """What the processes that a test stands for share."""
    return Shared()


@pytest.fixture(scope="session")
def stores(mongo: Mongod) -> Iterator[MigratedStores]:
    stores = MigratedStores(mongo.uri)
    yield stores
    stores.close()


@pytest.fixture
def database(stores: MigratedStores) -> Iterator[Database]:
    """Empty and migrated."""
    with stores.one() as settings, opened(settings) as database:
        yield database


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongod]:
    """It asks for a password, and can be told to fail."""
    mongo = GuardedMongod(tmp_path_factory.mktemp("guarded"))
    try:
        yield mongo
    finally:
        mongo.stop()
