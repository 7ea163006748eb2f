"""Three Kafka nodes and a replica set of three, in place of the single servers of other suites.

SEED repeats a run.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicMetadata
from confluent_kafka.cimpl import NewTopic

from devstack.kafka import KafkaCluster
from devstack.mongod import MongoCluster
from tests.kafka import ledger
from tests.kafka.ledger import Ledger, Load
from tests.system import Parts, System

SEED = os.environ.get("SEED") or str(int(time.time()))
NO_INVENTORY = "http://127.0.0.1:9"
SETTINGS = {
    "LOG_LEVEL": "INFO",
    "STORE_TIMEOUT": "3",
    "KAFKA_CONSUMER_SESSION_TIMEOUT_MS": "6000",
    "KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000",
    "KAFKA_RECONNECT_BACKOFF_MAX_MS": "1000",
}


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoCluster]:
    with MongoCluster(tmp_path_factory.mktemp("mongo")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _whole_cluster(kafka: KafkaCluster, mongo: MongoCluster) -> Iterator[None]:
    """Each test finds every node running."""
    yield
    kafka.start()
    mongo.start()


class Site:
    """A stock topic of its own, its load, and the workers that log it."""

    def __init__(self, mongo: MongoCluster, kafka: KafkaCluster, folder: Path, seed: str) -> None:
        self.rng = random.Random(seed)
        self.kafka = kafka
        self.mongo = mongo
        self.topic = f"stock-{uuid4().hex[:10]}"
        self.order_topic = f"order-events-{uuid4().hex[:10]}"
        self.load = Load(kafka.bootstrap, self.topic)
        self._admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        new = NewTopic(self.topic, 4, 3)
        self._admin.create_topics([new])[self.topic].result()
        self._folder = folder
        self._parts = Parts(mongo, kafka, NO_INVENTORY)

    def workers(self, number: int = 1, **settings: str) -> System:
        """Real processes, and no API."""
        names = {"KAFKA_STOCK_TOPICS": self.topic, "KAFKA_ORDER_TOPIC": self.order_topic}
        every = {**SETTINGS, **names, **settings}
        return System(self._parts, self._folder, every, api_processes=0, workers=number)

    def ledger(self, system: System) -> Ledger:
        return Ledger(system)

    def leader(self) -> int:
        """The node that leads the topic's first partition."""
        return int(self._topics()[self.topic].partitions[0].leader)

    def in_sync(self) -> bool:
        """Whether every replica of every partition is."""
        partitions = [p for topic in self._topics().values() for p in topic.partitions.values()]
        return all(set(p.isrs) == set(p.replicas) for p in partitions)

    def size(self, topic: str) -> int:
        """How many records the topic holds; 0 where there is none."""
        if topic not in (topics := self._topics()):
            return 0
        asked = {TopicPartition(topic, p): OffsetSpec.latest() for p in topics[topic].partitions}
        return sum(end.result().offset for end in self._admin.list_offsets(asked).values())

    def _topics(self) -> dict[str, TopicMetadata]:
        return self._admin.list_topics(timeout=20).topics


@pytest.fixture
def site(
    request: pytest.FixtureRequest, mongo: MongoCluster, kafka: KafkaCluster, tmp_path: Path
) -> Site:
    return Site(mongo, kafka, tmp_path, f"{SEED} {request.node.name}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ledger.ROWS:
        terminalreporter.section("the stock-change log on three Kafka and three MongoDB nodes")
        for line in ledger.lines():
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"SEED={SEED}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.cluster)
