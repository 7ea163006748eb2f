"""The orders' events read back: what the service can have written, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

import pytest
from confluent_kafka import TopicPartition

from order_service.application.place import Place
from order_service.domain.events import OrderEvent
from order_service.domain.lives import LIVES, lives_with
from order_service.domain.price import MAX_PRICE
from order_service.infrastructure.kafka.event_kinds import KINDS
from order_service.infrastructure.kafka.order_events import encode
from order_service.infrastructure.kafka.order_topic import KafkaOrderTopic
from order_service.infrastructure.kafka.told_events import decode
from tests import lives
from tests.orders import DEAREST, basket, completed, failed, held, largest, reverted
from tests.unit.infrastructure.kafka.fakes import FakeBroker

[SOLD] = completed().new_events
[HELD] = held().new_events
[BASKET] = completed(basket()).new_events
[FAILED] = failed().new_events
[FOR_ONE] = completed(quantity=1, price=Decimal(1)).new_events
WRITTEN = {
    **{name: life.events for name, life in lives.LIVES.items()},
    "for free": completed(price=Decimal(0)).new_events,
    "the dearest": completed(price=DEAREST, quantity=2**31 - 1).new_events,
    "of the smallest price": completed(price=Decimal("1E-18")).new_events,
    "of the highest price": completed(price=MAX_PRICE).new_events,
    "the largest": completed(largest()).new_events,
    "failed after its goods were given back": reverted(basket()).new_events,
}


@pytest.mark.parametrize("life", WRITTEN)
def test_each_event_of_an_orders_life_is_read_back_as_a_part_of_a_life(life: str) -> None:
    read = [decode(encode(event)) for event in WRITTEN[life]]
    events = [event for event in read if event]
    assert list(map(encode, events)) == list(map(encode, WRITTEN[life]))
    assert lives_with(events)


def test_the_lives_and_the_kinds_of_events_have_the_same_places() -> None:
    in_lives = {(status, at) for life in LIVES for at, status in enumerate(life, 1)}
    assert in_lives == {(kind.status, at) for kind in KINDS for at in kind.sequences}


def test_an_event_of_a_later_release_may_have_more_members() -> None:
    more = encode(SOLD).replace(b'{"', b'{"more":{"a":1},"', 1)
    assert decode(more) == decode(encode(SOLD))


def changed(event: OrderEvent, old: str, new: str) -> bytes:
    text = encode(event).decode()
    assert old in text
    return text.replace(old, new).encode()


def priced(price: str) -> bytes:
    """The line, and the order, of one unit at that price."""
    [event] = completed(quantity=1).new_events
    return changed(event, "19.99", price)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"event":"ORDER_CREATED"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_read_as_none(value: bytes | None) -> None:
    assert decode(value) is None


@pytest.mark.parametrize(
    "price",
    [
        "1E+7000",
        "1E+999999999",
        "1." + "1" * 60,
        "1.0000000000000000001",
        "1234567890.123456789",
        "1000000000001",
        "1" * 4000,
        "NaN",
        "Infinity",
        "-3",
        "-0.01",
        "null",
        "true",
        '"5"',
        "{}",
    ],
)
def test_an_event_with_a_price_that_no_line_has_is_read_as_none(price: str) -> None:
    assert decode(priced(price)) is None


@pytest.mark.parametrize(
    ("event", "old", "new"),
    [
        (SOLD, SOLD.order_id, "../etc"),
        (SOLD, SOLD.order_id, "A" * 24),
        (SOLD, "a" * 24, "a" * 23),
        (SOLD, f'"{SOLD.event_id}"', '"another"'),
        (SOLD, "ORDER_CREATED", "ORDER_SOLD"),
        (SOLD, "COMPLETED", "SOLD"),
        (SOLD, "COMPLETED", "CANCELLED"),
        (FAILED, '"status":"FAILED"', '"status":"COMPLETED"'),
        (SOLD, '"totalPrice":59.97', '"totalPrice":59.98'),
        (SOLD, '"totalPrice":59.97', '"totalPrice":null'),
        (FAILED, '"totalPrice":null,"status"', '"totalPrice":1,"status"'),
        (FOR_ONE, '"totalPrice":1,"status"', '"totalPrice":true,"status"'),
        (SOLD, '"quantity":3', '"quantity":2.9'),
        (SOLD, '"quantity":3', '"quantity":3.0'),
        (SOLD, '"quantity":3', '"quantity":"3"'),
        (SOLD, '"quantity":3', '"quantity":0'),
        (SOLD, '"quantity":3', '"quantity":-3'),
        (SOLD, '"quantity":3', '"quantity":2147483648'),
        (BASKET, "b" * 24, "a" * 24),
        (BASKET, '"quantity":2', '"quantity":true'),
        (BASKET, '"lines":[', '"lines":[],"more":['),
        (BASKET, '"lines":[', '"lines":3,"more":['),
        (HELD, "2026-01-02T", "9999-12-31T"),
        (SOLD, "2026-01-02T03:04:07.678Z", "yesterday"),
        (SOLD, "2026-01-02T03:04:07.678Z", "0001-01-01T00:00:00.000+23:59"),
        (SOLD, '"sequence":1', '"sequence":-5'),
        (SOLD, '"sequence":1', '"sequence":0'),
        (SOLD, '"sequence":1', '"sequence":3'),
        (SOLD, '"sequence":1', '"sequence":1.0'),
        (SOLD, '"sequence":1', '"sequence":true'),
        (SOLD, '"sequence":1', '"sequence":null'),
        (SOLD, '"sequence":1', '"sequence":1' + "0" * 40),
        (HELD, '"sequence":1', '"sequence":2'),
    ],
    # Not by the ids of the orders, which are others in each process that collects the tests.
    ids=count(),
)
def test_an_event_with_a_member_that_no_event_has_is_read_as_none(
    event: OrderEvent, old: str, new: str
) -> None:
    assert decode(changed(event, old, new)) is None


@pytest.mark.parametrize("event", [SOLD, HELD, FAILED, BASKET])
def test_an_event_that_lacks_a_member_is_read_as_none(event: OrderEvent) -> None:
    for name in ("event", "eventId", "orderId", "lines", "totalPrice", "status", "sequence"):
        assert decode(changed(event, f'"{name}":', f'"not-{name}":')) is None


class Metadata(NamedTuple):
    topics: dict[str, Any]


class Topic(NamedTuple):
    partitions: dict[int, None]


class OrderTopic(FakeBroker):
    """``asked``: from which times on it was read, in ms since 1970."""

    def __init__(self, *contents: bytes | None) -> None:
        super().__init__(*contents, topic="order-events")
        self.asked: list[int] = []

    def list_topics(self, timeout: float) -> Metadata:
        return Metadata({"order-events": Topic({0: None})})

    def offsets_for_times(
        self, asked: list[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        self.asked += [each.offset for each in asked]
        return [TopicPartition("order-events", 0, 0)]

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.seek(partitions[0])


def since(topic: OrderTopic, time: datetime) -> Any:
    made: Any = topic
    return KafkaOrderTopic(lambda _: made, "order-events").since(time)


def test_a_record_that_is_no_event_is_named_and_ends_no_list() -> None:
    later = replace(SOLD, order_id="1" * 24)
    topic = OrderTopic(encode(SOLD), priced("1E+7000"), None, encode(later))
    told = since(topic, SOLD.occurred_at)
    assert [event.order_id for event in told.events] == [SOLD.order_id, later.order_id]
    assert told.unreadable == [Place("order-events", 0, 1), Place("order-events", 0, 2)]


@pytest.mark.parametrize(
    "time",
    [datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), datetime.min.replace(tzinfo=UTC)],
)
def test_a_time_before_1970_is_the_topics_beginning(time: datetime) -> None:
    topic = OrderTopic(encode(SOLD))
    assert len(since(topic, time).events) == 1
    assert topic.asked == [0]
