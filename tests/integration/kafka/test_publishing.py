"""Order events on a real broker, and without one."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Message

from devstack.kafka import KafkaBroker
from devstack.ports import free_port
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.line import Line
from order_service.infrastructure.kafka.build import event_publisher
from order_service.settings import Settings
from tests.orders import CALLER, confirmed, later, moved_at
from tests.published_events import check_sequence, read
from tests.topic_reader import TopicReader

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def created(number: int) -> OrderEvent:
    lines = (Line("a" * 24, 1, Decimal("9.99")),)
    return OrderEvent(
        OrderEventType.ORDER_CREATED,
        f"{number:024x}",
        lines,
        Decimal("9.99"),
        "COMPLETED",
        AT,
        sequence=1,
    )


def cancelled(number: int) -> OrderEvent:
    return replace(
        created(number), type=OrderEventType.ORDER_CANCELLED, status="CANCELLED", sequence=2
    )


@pytest.fixture
def settings(kafka: KafkaBroker) -> Settings:
    topic = f"order-events-{uuid4().hex[:10]}"
    return Settings(kafka_broker=kafka.bootstrap, kafka_order_topic=topic)


@pytest.fixture
def reader(settings: Settings) -> Iterator[TopicReader]:
    publisher = event_publisher(settings)
    assert publisher.publish([created(0)]) == [created(0)]
    with TopicReader(settings.kafka_broker, settings.kafka_order_topic) as reader:
        yield reader


def test_events_reach_the_topic_in_each_orders_order(
    settings: Settings, reader: TopicReader
) -> None:
    sales = [created(n) for n in range(1, 101)]
    publisher = event_publisher(settings)
    assert len(publisher.publish([*sales, *(cancelled(n) for n in range(1, 101))])) == 200

    found = [read(message) for message in reader.read(201)]
    assert len({event["eventId"] for event in found}) == len(found) == 201
    check_sequence(found)
    for sale in sales:
        kinds = [event["event"] for event in found if event["orderId"] == sale.order_id]
        assert kinds == ["ORDER_CREATED", "ORDER_CANCELLED"]


def test_a_consumer_that_knows_cloud_events_sees_a_hold_its_confirmation_and_its_cancellation(
    settings: Settings, reader: TopicReader
) -> None:
    order = moved_at(confirmed().request_cancel(later(5), CALLER), later(6))
    assert event_publisher(settings).publish(order.new_events) == list(order.new_events)

    messages = [each for each in reader.read(4) if each.key() == order.id.encode()]
    check_sequence(map(read, messages))
    seen = [as_cloud_event(message) for message in messages]
    assert [(each.get_type(), each.get_data()["sequence"]) for each in seen] == [
        ("order-service.order.reserved", 1),
        ("order-service.order.created", 2),
        ("order-service.order.cancelled", 3),
    ]
    assert {each.get_subject() for each in seen} == {order.id}
    assert [each.get_time() for each in seen] == [event.occurred_at for event in order.new_events]


def as_cloud_event(message: Message) -> Any:
    headers = {name: value or b"" for name, value in message.headers() or ()}
    return from_kafka(KafkaMessage(headers, message.key(), message.value() or b""), JSONFormat())


def test_publishing_without_a_broker_ends_in_time_and_no_event_counts_as_published() -> None:
    nobody = Settings(
        kafka_broker=f"127.0.0.1:{free_port()}",
        kafka_config={"producer": {"delivery.timeout.ms": "1000", "linger.ms": "5"}},
    )
    begun = time.monotonic()
    assert event_publisher(nobody).publish([created(n) for n in range(10)]) == []
    assert time.monotonic() - begun < 5
