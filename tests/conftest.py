"""The servers that tests share. None starts before a test asks for it."""

import json
import sys
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import BaseModel
from xdist.scheduler import LoadScopeScheduling

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.items import Items
from tests.system import Parts, System

STOCK_TOPICS = ("stock-updates", "stock_updates")
WITH_PARTS_OF_ITS_OWN = "tests/e2e/test_missing_parts.py"


@pytest.fixture(autouse=True)
def _logs_go_to_standard_error() -> None:
    """As the service's own do: they must not get between the lines of a command's output."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))


@pytest.fixture(scope="session", autouse=True)
def _models_say_once_what_they_are() -> Iterator[None]:
    """An app's document is made of the same models in each test that makes an app, which took
    most of the time of a thousand tests."""
    asked = BaseModel.model_json_schema.__func__
    written = cache(lambda cls, **options: json.dumps(asked(cls, **options)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            BaseModel,
            "model_json_schema",
            classmethod(lambda cls, **options: json.loads(written(cls, **options))),
        )
        yield


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A replica set of one."""
    with Mongod(tmp_path_factory.mktemp("mongo")) as mongo:
        yield mongo


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as kafka:
        # There from the start, so that no test waits until a worker has noticed a new topic.
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for made in admin.create_topics([NewTopic(name, 4) for name in STOCK_TOPICS]).values():
            made.result()
        yield kafka


@pytest.fixture(scope="session")
def inventory(
    mongo: Mongod, kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SampleInventory]:
    """The sample Inventory Service; both contracts."""
    log = tmp_path_factory.mktemp("inventory") / "inventory.log"
    with SampleInventory(mongo.uri, kafka.bootstrap, threads=32, log_path=log) as inventory:
        with Items(inventory.url) as items:
            # The first change of all waits until Kafka has made the topic.
            items.set_stock(items.add(stock=1), 2)
        yield inventory


@pytest.fixture(scope="session")
def parts(mongo: Mongod, kafka: KafkaBroker, inventory: SampleInventory) -> Parts:
    return Parts(mongo, kafka, inventory)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Generated cases run the same lines again and again, and to count those lines takes longer
    than to run them. Other tests reach every line that these reach."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


class Together(LoadScopeScheduling):
    """Among several test processes a file stays whole, and all that share the running systems stay
    together, so that these start once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        shares = file.startswith(("tests/api/", "tests/e2e/")) and file != WITH_PARTS_OF_ITS_OWN
        return str(Path(file).parent) if shares else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails on a running system shows the last lines of its logs."""
    report = yield
    if report.failed:
        used = [getattr(v, "system", v) for v in getattr(item, "funcargs", {}).values()]
        for system in {id(v): v for v in used if isinstance(v, System)}.values():
            report.sections += [(f"log of {name}", text) for name, text in system.logs().items()]
    return report
