"""Stock topics of a test's own on the real broker, and a log of its own on the real store."""

import threading
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic
from prometheus_client import CollectorRegistry

from order_service.application.stock_log.record import RecordStockChanges, StockChangeLog
from order_service.infrastructure.kafka.build import kafka_watch, stock_consumer
from order_service.infrastructure.kafka.consumer import StockConsumer
from order_service.infrastructure.mongo.connection import connect
from order_service.infrastructure.mongo.schema import migrate
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.settings import Settings
from tests.unit.infrastructure.kafka.fakes import value
from tests.waiting import until


class Stage:
    """``environment``: settings over the defaults here."""

    def __init__(self, mongo_uri: str, bootstrap: str, **environment: str) -> None:
        name = uuid4().hex[:10]
        self.bootstrap = bootstrap
        self.topic = f"stock-{name}"
        self.other_topic = f"stock_{name}"
        by_broker = environment.get("KAFKA_CONSUMER_GROUP_PROTOCOL") == "consumer"
        self.environment = {
            "MONGO_URI": mongo_uri,
            "MONGO_DATABASE": f"stage-{name}",
            "KAFKA_BROKER": bootstrap,
            "KAFKA_GROUP": f"group-{name}",
            "KAFKA_STOCK_TOPICS": f"{self.topic},{self.other_topic}",
            "KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "500",
            "KAFKA_CONSUMER_AUTO_COMMIT_INTERVAL_MS": "100",
            # A rebalance begins with the next heartbeat.
            **({} if by_broker else {"KAFKA_CONSUMER_HEARTBEAT_INTERVAL_MS": "300"}),
            **environment,
        }
        self.settings = Settings.load(self.environment)
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "linger.ms": 5, "message.max.bytes": 2_000_000}
        )

    def __enter__(self) -> "Stage":
        self.database = connect(self.settings)
        migrate(self.database)
        return self

    def __exit__(self, *_: object) -> None:
        self.database.client.drop_database(self.database)
        self.database.client.close()

    # --- Kafka

    def create_topic(self, topic: str, partitions: int = 4, **config: str) -> None:
        dotted = {name.replace("_", "."): setting for name, setting in config.items()}
        new = NewTopic(topic, partitions, -1, config=dotted)
        self.admin.create_topics([new])[topic].result()

    def make_topic_anew(self, topic: str) -> None:
        """As an operator does who wants to begin again: the group's offsets go too."""
        self.admin.delete_topics([topic])[topic].result()
        known = self.admin.list_topics
        until(lambda: topic not in known(timeout=10).topics, "the end of the old topic")
        group = self.settings.kafka_group
        self.admin.delete_consumer_groups([group])[group].result()
        self.create_topic(topic, 1)
        until(lambda: topic in self._producer.list_topics(timeout=10).topics, "the new topic")

    def configure_topic(self, topic: str, name: str, setting: str) -> None:
        change = ConfigEntry(name, setting, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
        self.admin.incremental_alter_configs([resource])[resource].result()

    def delete_before(self, topic: str, offset: int) -> None:
        """As retention does."""
        asked = TopicPartition(topic, 0, offset)
        self.admin.delete_records([asked])[asked].result()

    def add_partitions(self, topic: str, total: int) -> None:
        self.admin.create_partitions([NewPartitions(topic, total)])[topic].result()
        known = self._producer.list_topics
        until(lambda: len(known(topic).topics[topic].partitions) == total, "the partitions")

    def send(self, *values: bytes | None, topic: str | None = None, **message: Any) -> None:
        """Returns once the broker has them."""
        for each in values:
            self._producer.produce(topic or self.topic, each, **message)
            self._producer.poll(0)
        assert self._producer.flush(20) == 0

    def send_good(self, number: int, topic: str | None = None) -> None:
        for n in range(number):
            self._producer.produce(topic or self.topic, value(n=n), key=str(n))
        assert self._producer.flush(20) == 0

    def read(self, topic: str) -> list[Message]:
        """All that the topic holds, in no group."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "reads-by-hand"})
        try:
            partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
            ends = {
                p: reader.get_watermark_offsets(TopicPartition(topic, p))[1] for p in partitions
            }
            reader.assign([TopicPartition(topic, p, 0) for p in partitions])
            found: list[Message] = []
            while len(found) < sum(ends.values()):
                found += [each for each in reader.consume(500, 0.05) if each.error() is None]
            return found
        finally:
            reader.close()

    def committed(self, topic: str | None = None) -> int:
        """The sum over the partitions of what the group has committed."""
        reader = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": self.settings.kafka_group}
        )
        try:
            name = topic or self.topic
            partitions = reader.list_topics(name, timeout=10).topics[name].partitions
            asked = [TopicPartition(name, partition) for partition in partitions]
            found = until(lambda: _committed(reader, asked), "an answer of the coordinator")
            return sum(max(0, each.offset) for each in found)
        finally:
            reader.close()

    def groups(self) -> set[str]:
        found = self.admin.list_consumer_groups().result().valid
        return {group.group_id for group in found}

    # --- the log

    def entries(self) -> list[dict[str, Any]]:
        return list(self.database["stock_changes"].find(sort=[("_id", 1)]))

    def await_entries(self, number: int, timeout: float = 20) -> list[dict[str, Any]]:
        """Once there are so many, or more."""
        log = self.database["stock_changes"]
        until(lambda: log.count_documents({}) >= number, f"{number} entries", timeout)
        return self.entries()


class RunningConsumer:
    """In a thread of its own while it is entered; entered once it has its place in the group,
    where ``joined`` says so."""

    def __init__(
        self, stage: Stage, log: StockChangeLog | None = None, *, joined: bool = False
    ) -> None:
        self._await_place = joined
        self.registry = CollectorRegistry()
        record = RecordStockChanges(log or MongoStockChangeLog(stage.database))
        self.watch = kafka_watch(stage.settings)
        self.consumer: StockConsumer = stock_consumer(
            stage.settings, record, self.registry, self.watch
        )
        self._thread = threading.Thread(target=self.consumer.run)
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.watch.look()

    def __enter__(self) -> "RunningConsumer":
        self._watching.start()
        self._thread.start()
        if self._await_place:
            with ExitStack() as undo:
                undo.callback(self.__exit__)
                until(lambda: self.consumer.health().joined, "a place in the group", 20)
                undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.consumer.stop()
        self._over.set()
        self._watching.join(20)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"order_service_stock_events_{name}", labels) or 0


def _committed(reader: Consumer, asked: list[TopicPartition]) -> list[TopicPartition]:
    """Nothing while the group's coordinator is still being found."""
    try:
        return reader.committed(asked, timeout=10)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.retriable() or reason.code() == KafkaError.NOT_COORDINATOR:
            return []
        raise
