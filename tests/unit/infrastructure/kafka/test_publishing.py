"""Order events: what they look like, and when they count as published."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.line import Line
from order_service.infrastructure.kafka import publisher
from order_service.infrastructure.kafka.delivery import Delivery, Outgoing
from order_service.infrastructure.kafka.metrics import publish_failures
from order_service.infrastructure.kafka.order_events import encode
from order_service.infrastructure.kafka.outages import Connections
from order_service.infrastructure.kafka.publisher import KafkaEventPublisher
from tests.orders import cancelled

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, UTC)
TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT)


PEN = Line("a" * 24, 2, Decimal("19.99"))


def event(
    order: str = "o1",
    kind: OrderEventType = OrderEventType.ORDER_CREATED,
    price: Decimal | None = Decimal("39.98"),
    lines: tuple[Line, ...] = (PEN,),
    sequence: int = 1,
) -> OrderEvent:
    return OrderEvent(kind, order, lines, price, "COMPLETED", AT, sequence)


class FakeProducer:
    """``verdicts``: what becomes of each message by its value, confirmed unless it says else;
    ``silent``: the values that no report ever comes of."""

    def __init__(
        self, verdicts: dict[bytes, Any] | None = None, silent: Sequence[bytes] = ()
    ) -> None:
        self.verdicts = verdicts or {}
        self.silent = silent
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.headers: list[dict[str, bytes]] = []
        self.purged = False
        self._reports: list[Callable[[], None]] = []

    def produce(self, topic: str, on_delivery: Any, **message: Any) -> None:
        verdict = self.verdicts.get(message["value"])
        if isinstance(verdict, Exception):
            raise verdict
        self.sent.append((topic, message["key"], message["value"]))
        self.headers.append(dict(message["headers"]))
        if message["value"] not in self.silent:
            self._reports.append(lambda: on_delivery(verdict, None))

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        for report in self._reports:
            report()
        self._reports.clear()
        return 0 if self.purged else len(self.silent)

    def purge(self) -> None:
        self.purged = True


def delivery(*producers: FakeProducer) -> Delivery:
    waiting = iter(producers)
    return Delivery(cast(Any, lambda: next(waiting)), 1)


def publish(
    producer: FakeProducer,
    events: Sequence[OrderEvent],
    registry: CollectorRegistry | None = None,
) -> list[OrderEvent]:
    failures = publish_failures(registry or CollectorRegistry())
    return KafkaEventPublisher(delivery(producer), "order-events", failures).publish(events)


def test_an_order_event_is_the_json_of_the_contract() -> None:
    assert json.loads(encode(event())) == {
        "event": "ORDER_CREATED",
        "eventId": "o1-ORDER_CREATED",
        "orderId": "o1",
        "itemId": "a" * 24,
        "quantity": 2,
        "lines": [{"itemId": "a" * 24, "quantity": 2, "unitPrice": 19.99, "totalPrice": 39.98}],
        "totalPrice": 39.98,
        "status": "COMPLETED",
        "occurredAt": "2026-01-02T03:04:05.678Z",
        "sequence": 1,
    }


def test_an_event_of_an_order_of_several_lines_names_them_alone_in_the_customers_order() -> None:
    cup, paper = Line("c" * 24, 3, Decimal("0.50")), Line("b" * 24, 1)
    told = json.loads(encode(event(lines=(cup, PEN, paper), price=None)))
    assert told == {
        "event": "ORDER_CREATED",
        "eventId": "o1-ORDER_CREATED",
        "orderId": "o1",
        "lines": [
            {"itemId": "c" * 24, "quantity": 3, "unitPrice": 0.5, "totalPrice": 1.5},
            {"itemId": "a" * 24, "quantity": 2, "unitPrice": 19.99, "totalPrice": 39.98},
            {"itemId": "b" * 24, "quantity": 1, "unitPrice": None, "totalPrice": None},
        ],
        "totalPrice": None,
        "status": "COMPLETED",
        "occurredAt": "2026-01-02T03:04:05.678Z",
        "sequence": 1,
    }


def test_the_events_of_an_order_tell_the_same_lines() -> None:
    created, gone = (json.loads(encode(each)) for each in cancelled().new_events)
    assert (created["event"], gone["event"]) == ("ORDER_CREATED", "ORDER_CANCELLED")
    assert created["lines"] == gone["lines"]
    assert (created["sequence"], gone["sequence"]) == (1, 2)


def test_texts_in_an_order_event_are_escaped() -> None:
    odd = 'a"\\\n\N{SNOWMAN}'
    told = encode(OrderEvent(OrderEventType.ORDER_FAILED, odd, (Line(odd, 1),), None, odd, AT, 1))
    fields = json.loads(told)
    assert (fields["orderId"], fields["lines"][0]["itemId"], fields["status"]) == (odd,) * 3


@pytest.mark.parametrize(
    ("price", "written"),
    [
        (Decimal("214748364699999.97"), "214748364699999.97"),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (None, "null"),
    ],
)
def test_a_price_in_an_order_event_is_a_json_number_with_every_digit(
    price: Decimal | None, written: str
) -> None:
    told = encode(event(price=price, lines=(Line("a" * 24, 1, price),)))
    assert f'"totalPrice":{written},"status"'.encode() in told
    assert f'"unitPrice":{written},"totalPrice":{written}}}'.encode() in told


def test_events_are_keyed_by_their_order_and_count_as_published_when_confirmed() -> None:
    producer = FakeProducer()
    events = [event("o1"), event("o2")]
    assert publish(producer, events) == events
    assert [(topic, key) for topic, key, _ in producer.sent] == [
        ("order-events", b"o1"),
        ("order-events", b"o2"),
    ]


def test_an_event_is_published_with_the_headers_of_a_cloud_event() -> None:
    producer = FakeProducer()
    publish(producer, [event("o1")])
    assert producer.headers == [
        {
            "ce_specversion": b"1.0",
            "ce_id": b"o1-ORDER_CREATED",
            "ce_type": b"order-service.order.created",
            "ce_source": b"/order-service/orders",
            "ce_subject": b"o1",
            "ce_time": b"2026-01-02T03:04:05.678Z",
            "content-type": b"application/json",
        }
    ]


def test_an_event_that_the_broker_did_not_confirm_stays_unpublished_and_is_counted() -> None:
    failing, fine = event("o1"), event("o2")
    registry = CollectorRegistry()
    producer = FakeProducer({encode(failing): TIMED_OUT})
    assert publish(producer, [failing, fine], registry) == [fine]
    assert registry.get_sample_value("order_service_event_publish_failures_total") == 1


@pytest.mark.parametrize(("is_troubled", "events"), [(False, ["events_not_published"]), (True, [])])
def test_unpublished_events_are_told_unless_the_log_tells_that_kafka_is_away(
    monkeypatch: pytest.MonkeyPatch, is_troubled: bool, events: list[str]
) -> None:
    connections = Connections()
    monkeypatch.setattr(publisher, "CONNECTIONS", connections)
    if is_troubled:
        connections.unanswered()
    with capture_logs() as lines:
        assert publish(FakeProducer({encode(event()): TIMED_OUT}), [event()]) == []
    assert [line["event"] for line in lines] == events


def test_an_orders_later_event_never_goes_before_its_earlier_one() -> None:
    created, gone = event(), event(kind=OrderEventType.ORDER_CANCELLED, sequence=2)
    other = event("o2")
    failing = FakeProducer({encode(created): TIMED_OUT})
    assert publish(failing, [created, gone, other]) == [other]
    assert encode(gone) not in [content for _, _, content in failing.sent]

    fine = FakeProducer()
    assert set(publish(fine, [created, gone, other])) == {created, gone, other}
    sent = [content for _, _, content in fine.sent]
    assert sent.index(encode(created)) < sent.index(encode(gone))


def records(*contents: bytes) -> list[Outgoing]:
    return [Outgoing("t", content, None) for content in contents]


def test_a_record_without_a_delivery_report_in_time_is_purged_and_undelivered() -> None:
    producer = FakeProducer(silent=[b"1"])
    lost, fine = delivery(producer).deliver(records(b"1", b"2"))
    assert lost is not None
    assert fine is None
    assert producer.purged


def test_a_record_refused_by_the_producer_or_its_full_queue_is_undelivered() -> None:
    too_large = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    producer = FakeProducer({b"1": BufferError(), b"2": KafkaException(too_large)})
    full, refused, fine = delivery(producer).deliver(records(b"1", b"2", b"3"))
    assert full is not None
    assert full.code() == KafkaError._QUEUE_FULL
    assert refused is too_large
    assert fine is None


def test_a_new_producer_takes_over_after_a_fatal_error() -> None:
    fatal = KafkaError(KafkaError._FATAL, "out of order", fatal=True)
    over = delivery(FakeProducer({b"1": fatal}), second := FakeProducer())
    assert over.deliver(records(b"1"))[0] is fatal
    assert over.deliver(records(b"1")) == [None]
    assert len(second.sent) == 1
