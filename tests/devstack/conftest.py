"""What the tests of this folder share, on top of the servers that all tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.devstack.topic import Topic


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cluster: starts three servers of a kind; asked for with -m")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Clusters take their time, and have suites of their own that ask for them."""
    if "cluster" not in str(config.getoption("markexpr")):
        left_out = pytest.mark.skip(reason="run with -m cluster")
        for item in items:
            if item.get_closest_marker("cluster") and item.path.parent == Path(__file__).parent:
                item.add_marker(left_out)


@pytest.fixture
def own_inventory(
    tmp_path: Path, mongo: Mongod, kafka: KafkaBroker
) -> Iterator[Callable[..., SampleInventory]]:
    """Starts one that a test may kill, with items of its own."""
    started: list[SampleInventory] = []

    def start(bootstrap: str = kafka.bootstrap) -> SampleInventory:
        name = f"inventory-{uuid4().hex[:12]}"
        log = tmp_path / f"{name}.log"
        part = SampleInventory(mongo.uri, bootstrap, database=name, log_path=log)
        started.append(part)
        return part.start()

    yield start
    for part in started:
        part.kill()


@pytest.fixture(scope="session")
def topic(kafka: KafkaBroker, inventory: SampleInventory) -> Iterator[Topic]:
    topic = Topic(kafka.bootstrap, "stock_updates", from_now=True)
    yield topic
    topic.close()


@pytest.fixture(scope="session")
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=32)
        session.mount("http://", adapter)
        yield session


@pytest.fixture
def new_item(inventory: SampleInventory, http: requests.Session) -> Callable[[int], str]:
    """Adds an item of its own to the shop, so that no test sees another's changes."""

    def add(stock: int) -> str:
        body = {"name": "Teapot", "description": "Blue", "price": 12.5, "stock": stock}
        answer = http.post(f"{inventory.url}/api/items/add", json=body, timeout=10)
        item_id: str = answer.json()["item"]["_id"]
        return item_id

    return add
