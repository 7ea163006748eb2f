from collections.abc import Iterator

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.bootstrap.shared import Shared
from tests.integration.cli.logged_shop import Shop
from tests.integration.stock.stock_stage import RunningConsumer, Stage
from tests.items import Items


@pytest.fixture(params=["absolute"])
def stage(
    request: pytest.FixtureRequest, mongo: Mongod, kafka: KafkaBroker, inventory: SampleInventory
) -> Iterator[Stage]:
    """A database of its own, and the topic that the inventory publishes to."""
    with Stage(
        mongo.uri,
        kafka.bootstrap,
        KAFKA_STOCK_TOPICS="stock_updates",
        INVENTORY_SERVICE_URL=inventory.url,
        INVENTORY_CONTRACT=request.param,
    ) as stage:
        yield stage


@pytest.fixture
def worker(stage: Stage) -> Iterator[None]:
    """What keeps the log."""
    with RunningConsumer(stage):
        yield


@pytest.fixture
def shop(stage: Stage, items: Items, shared: Shared) -> Shop:
    return Shop(stage, items, shared)
