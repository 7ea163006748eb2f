"""Order events on a real broker, and without one."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition

from devstack.kafka import KafkaBroker
from devstack.ports import free_port
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.line import Line
from order_service.infrastructure.kafka.build import event_publisher
from order_service.settings import Settings
from tests.waiting import until

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def event(number: int, kind: OrderEventType = OrderEventType.ORDER_CREATED) -> OrderEvent:
    lines = (Line("a" * 24, 1, Decimal("9.99")),)
    return OrderEvent(kind, f"{number:024x}", lines, Decimal("9.99"), "COMPLETED", AT)


class Reader:
    """The topic's records, read by hand."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reads-by-hand"})
        partitions = until(
            lambda: self._consumer.list_topics(topic, timeout=10).topics[topic].partitions, "topic"
        )
        self._consumer.assign([TopicPartition(topic, each, 0) for each in partitions])

    def read(self, number: int) -> list[tuple[bytes | None, dict[str, object]]]:
        found: list[tuple[bytes | None, dict[str, object]]] = []
        deadline = time.monotonic() + 20
        while len(found) < number and time.monotonic() < deadline:
            for message in self._consumer.consume(number, 0.1):
                assert message.error() is None
                found.append((message.key(), json.loads(message.value() or b"")))
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def settings(kafka: KafkaBroker) -> Settings:
    topic = f"order-events-{uuid4().hex[:10]}"
    return Settings(kafka_broker=kafka.bootstrap, kafka_order_topic=topic)


@pytest.fixture
def reader(settings: Settings) -> Iterator[Reader]:
    publisher = event_publisher(settings)
    assert publisher.publish([event(0)]) == [event(0)]
    reader = Reader(settings.kafka_broker, settings.kafka_order_topic)
    yield reader
    reader.close()


def test_events_reach_the_topic_in_each_orders_order(settings: Settings, reader: Reader) -> None:
    created = [event(n) for n in range(1, 101)]
    cancelled = [event(n, OrderEventType.ORDER_CANCELLED) for n in range(1, 101)]
    publisher = event_publisher(settings)
    assert len(publisher.publish([*created, *cancelled])) == 200

    found = reader.read(201)
    assert len({fields["eventId"] for _, fields in found}) == len(found) == 201
    for each in created:
        kinds = [fields["event"] for key, fields in found if key == each.order_id.encode()]
        assert kinds == ["ORDER_CREATED", "ORDER_CANCELLED"]


def test_publishing_without_a_broker_ends_in_time_and_no_event_counts_as_published() -> None:
    nobody = Settings(
        kafka_broker=f"127.0.0.1:{free_port()}",
        kafka_config={"producer": {"delivery.timeout.ms": "1000", "linger.ms": "5"}},
    )
    begun = time.monotonic()
    assert event_publisher(nobody).publish([event(n) for n in range(10)]) == []
    assert time.monotonic() - begun < 5
