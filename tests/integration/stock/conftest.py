"""A shop of each contract."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from order_service.bootstrap.shared import Shared
from tests.integration.connections import opened
from tests.integration.migrated_stores import MigratedStores
from tests.integration.stock.shop import Process, Shop
from tests.items import Items
from tests.misbehaving import MisbehavingInventory


@pytest.fixture(params=["absolute", "conditional"])
def shop(
    request: pytest.FixtureRequest,
    stores: MigratedStores,
    proxy: MisbehavingInventory,
    items: Items,
    shared: Shared,
) -> Iterator[Shop]:
    given = {
        "inventory_service_url": proxy.url,
        "inventory_contract": request.param,
        "inventory_read_timeout": 1,
        "lease_seconds": 5,
        "breaker_failures": 1000,
    }
    with (
        stores.one(**given) as settings,
        opened(settings) as database,
        ExitStack() as stack,
    ):
        stack.callback(proxy.behave)
        yield Shop(settings, items, proxy, stack, database, shared)


@pytest.fixture
def process(shop: Shop) -> Process:
    return shop.process()
