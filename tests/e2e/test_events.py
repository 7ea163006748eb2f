"""What goes out to Kafka, and what comes in from there."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer

from devstack.kafka import KafkaBroker
from tests.e2e.answers import TIME, order_in, problem_in
from tests.published_events import Event, check_sequence, read
from tests.system import System
from tests.waiting import until

Events = Callable[[str], list[Event]]


@pytest.fixture(scope="module")
def order_events(kafka: KafkaBroker, system: System) -> Iterator[Events]:
    """An order's events, as another service reads them: each as the AsyncAPI document has it."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": f"another-service-{uuid4().hex}",
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 1000,
        }
    )
    consumer.subscribe(["order-events"])
    seen: list[Event] = []

    def of(order_id: str) -> list[Event]:
        seen.extend(
            read(message) for message in consumer.consume(500, 0.1) if message.error() is None
        )
        return [event for event in seen if event["orderId"] == order_id]

    yield of
    consumer.close()
    check_sequence(seen)


def await_events(events: Events, order_id: str, number: int) -> list[Event]:
    return until(
        lambda: found if len(found := events(order_id)) >= number else [],
        f"{number} events of order {order_id}",
        timeout=20,
    )


# --- out


def test_an_order_is_published_as_order_created(system: System, order_events: Events) -> None:
    item = system.add_item(stock=10, price="19.99")
    order = order_in(system.create(item, 3))
    [event] = await_events(order_events, order["_id"], 1)
    assert TIME.fullmatch(event.pop("occurredAt"))
    assert event == {
        "event": "ORDER_CREATED",
        "eventId": f"{order['_id']}-ORDER_CREATED",
        "orderId": order["_id"],
        "itemId": item,
        "quantity": 3,
        "lines": [{"itemId": item, "quantity": 3, "unitPrice": 19.99, "totalPrice": 59.97}],
        "totalPrice": 59.97,
        "status": "COMPLETED",
        "sequence": 1,
    }


def test_the_event_of_a_basket_has_its_lines_as_the_api_shows_them(
    system: System, order_events: Events
) -> None:
    cheap, dear = (system.add_item(stock=10, price=price) for price in ("0.10", "19.99"))
    order = order_in(system.create({dear: 1, cheap: 3}))
    [event] = await_events(order_events, order["_id"], 1)
    assert event["lines"] == order["lines"]
    assert [line["itemId"] for line in event["lines"]] == [dear, cheap]
    assert event["totalPrice"] == order["totalPrice"] == 20.29
    assert not event.keys() & {"itemId", "quantity"}


def test_a_cancellation_is_published_after_its_order(system: System, order_events: Events) -> None:
    order_id = order_in(system.create(system.add_item(stock=10)))["_id"]
    system.cancel(order_id)
    events = await_events(order_events, order_id, 2)
    assert [event["event"] for event in events] == ["ORDER_CREATED", "ORDER_CANCELLED"]


def test_a_held_order_is_published_as_reserved_then_as_created_once_it_is_confirmed(
    system: System, order_events: Events
) -> None:
    item = system.add_item(stock=10)
    order_id = order_in(system.hold(item))["_id"]
    [reserved] = await_events(order_events, order_id, 1)
    assert (reserved["event"], reserved["status"]) == ("ORDER_RESERVED", "RESERVED")
    assert system.confirm(order_id).status_code == 200
    assert system.cancel(order_id).status_code == 200
    events = await_events(order_events, order_id, 3)
    assert [(event["event"], event["status"], event["sequence"]) for event in events] == [
        ("ORDER_RESERVED", "RESERVED", 1),
        ("ORDER_CREATED", "COMPLETED", 2),
        ("ORDER_CANCELLED", "CANCELLED", 3),
    ]


def test_a_hold_that_nobody_confirms_is_published_as_expired(
    system: System, order_events: Events
) -> None:
    order_id = order_in(system.hold(system.add_item(stock=10), seconds=1))["_id"]
    events = await_events(order_events, order_id, 2)
    assert [(event["event"], event["sequence"]) for event in events] == [
        ("ORDER_RESERVED", 1),
        ("ORDER_EXPIRED", 2),
    ]


def test_an_order_that_failed_is_published_as_order_failed(
    system: System, order_events: Events
) -> None:
    item = system.add_item(stock=0)
    system.create(item)
    [failed] = system.orders(item)
    [event] = await_events(order_events, str(failed["_id"]), 1)
    assert (event["event"], event["totalPrice"], event["status"]) == (
        "ORDER_FAILED",
        None,
        "FAILED",
    )


def test_an_event_is_published_once_and_then_gone_from_its_order(
    system: System, order_events: Events
) -> None:
    item = system.add_item(stock=10)
    order_id = order_in(system.create(item))["_id"]
    await_events(order_events, order_id, 1)
    until(lambda: not system.orders(item)[0].get("outbox"), "the outbox is empty")
    later = order_in(system.create(item))["_id"]
    await_events(order_events, later, 1)
    assert len(order_events(order_id)) == 1


# --- in


def produce(kafka: KafkaBroker, topic: str, event: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, json.dumps(event).encode(), event["itemId"])
    assert producer.flush(10) == 0


def stock_event(item: str, previous: int, new: int) -> dict[str, Any]:
    return {
        "itemId": item,
        "previousStock": previous,
        "newStock": new,
        "changeType": "added" if new > previous else "reduced",
        "changeAmount": abs(new - previous),
        "updatedAt": "2026-01-02T03:04:05.678Z",
    }


@pytest.mark.parametrize("topic", ["stock-updates", "stock_updates"])
def test_a_stock_event_of_either_topic_becomes_one_entry_of_the_log(
    topic: str, system: System, kafka: KafkaBroker
) -> None:
    item = uuid4().hex[:24]
    event = stock_event(item, 10, 7) | {"warehouse": {"aisle": 5}}
    produce(kafka, topic, event)
    [entry] = until(lambda: system.stock_changes(item), "the entry", timeout=20)
    assert entry["event"] == "STOCK_UPDATED"
    assert {name: entry[name] for name in stock_event(item, 0, 0)} == stock_event(item, 10, 7)
    assert entry["payload"] == event
    assert entry["source"]["topic"] == topic
    assert TIME.fullmatch(entry["createdAt"])


def test_an_orders_stock_change_is_in_the_stock_change_log(system: System) -> None:
    item = system.add_item(stock=10)
    system.create(item, 3)
    [entry] = until(lambda: system.stock_changes(item), "the entry")
    assert (entry["previousStock"], entry["newStock"]) == (10, 7)
    assert (entry["changeType"], entry["changeAmount"]) == ("reduced", 3)


def test_the_stock_change_log_is_newest_first_and_comes_in_pages(system: System) -> None:
    item = system.add_item(stock=10)
    for _ in range(5):
        system.create(item)
    until(lambda: len(system.stock_changes(item)) == 5, "five entries")
    pages = []
    parameters = {"itemId": item, "limit": "2"}
    while True:
        page = system.request("GET", "/api/stock-changes", params=parameters).json()
        pages.append([entry["newStock"] for entry in page["stockChanges"]])
        if page["nextCursor"] is None:
            break
        parameters["cursor"] = page["nextCursor"]
    assert pages == [[5, 6], [7, 8], [9]]


def test_the_stock_change_log_can_be_narrowed_by_type_and_time(system: System) -> None:
    item = system.add_item(stock=10)
    order_id = order_in(system.create(item, 3))["_id"]
    system.cancel(order_id)
    given_back, taken = until(lambda: len(system.stock_changes(item)) == 2, "both") and (
        system.stock_changes(item)
    )

    def found(**parameters: str) -> list[dict[str, Any]]:
        asked = {"itemId": item, **parameters}
        answer = system.request("GET", "/api/stock-changes", params=asked)
        entries: list[dict[str, Any]] = answer.json()["stockChanges"]
        return entries

    assert found(changeType="reduced") == [taken]
    assert found(changeType="added") == [given_back]
    assert found(**{"from": taken["createdAt"]}) == [given_back, taken]
    assert found(to=taken["createdAt"]) == []
    assert found(**{"from": "2100-01-01T00:00:00Z"}) == []
    ever = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999Z"}
    assert found(**ever) == [given_back, taken]
    assert found(**{"from": ever["to"], "to": ever["from"]}) == []


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"itemId": "nonsense"}, "itemId"),
        ({"changeType": "stolen"}, "changeType"),
        ({"from": "yesterday"}, "from"),
        ({"to": "1700000000"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1000000"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
def test_a_bad_parameter_of_the_stock_change_log_is_named(
    parameters: dict[str, str], field: str, system: System
) -> None:
    answer = system.request("GET", "/api/stock-changes", params=parameters)
    problem = problem_in(answer, 400, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == [field]


def test_an_item_that_never_changed_has_no_stock_changes(system: System) -> None:
    answer = system.request("GET", "/api/stock-changes", params={"itemId": "0" * 24})
    assert answer.json() == {"stockChanges": [], "nextCursor": None}
