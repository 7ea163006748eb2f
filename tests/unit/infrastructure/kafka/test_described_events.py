"""The events of orders, as they are published, against what the AsyncAPI document says of them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_structured
from cloudevents.core.formats.json import JSONFormat
from jsonschema_rs import ValidationError

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.infrastructure.kafka import cloud_events
from order_service.infrastructure.kafka.order_events import encode
from tests.lives import LIVES
from tests.orders import (
    CALLER,
    DEAREST,
    basket,
    completed,
    largest,
    later,
    moved_at,
    pending,
    reverted,
)
from tests.published_events import DOCUMENT, check_sequence, read, valid, validators
from tests.unit.infrastructure.kafka.fakes import record

TYPES = list(OrderEventType)


EVENTS = {
    **{name: life.events for name, life in LIVES.items()},
    "failed after its goods were taken and given back": reverted(pending()).new_events,
    "for free": completed(price=Decimal(0)).new_events,
    "the dearest": completed(price=DEAREST, quantity=2**31 - 1).new_events,
    "the largest": completed(largest()).new_events,
    "a basket, sold and cancelled": moved_at(
        completed(basket()).request_cancel(later(5), CALLER), later(6)
    ).new_events,
    "a basket that failed": reverted(basket()).new_events,
}


def sent(event: OrderEvent) -> tuple[bytes, dict[str, str], bytes]:
    headers = {name: (text or b"").decode() for name, text in cloud_events.headers(event)}
    return event.order_id.encode(), headers, encode(event)


def one_of(event_type: OrderEventType) -> OrderEvent:
    return next(each for events in EVENTS.values() for each in events if each.type is event_type)


@pytest.mark.parametrize("life", EVENTS)
def test_every_event_of_an_order_is_what_the_document_says(life: str) -> None:
    assert EVENTS[life]
    check_sequence(valid(*sent(event)) for event in EVENTS[life])


def test_the_events_held_against_the_document_are_of_every_type() -> None:
    told = {(event.type, event.sequence) for events in EVENTS.values() for event in events}
    assert told == {
        (OrderEventType(name), sequence)
        for name in TYPES
        for sequence in DOCUMENT["components"]["schemas"][name]["properties"]["sequence"]["enum"]
    }


@pytest.mark.parametrize("event_type", TYPES)
def test_an_event_that_lacks_a_member_or_has_one_more_is_not_what_the_document_says(
    event_type: OrderEventType,
) -> None:
    _, payload = validators(event_type)
    event = json.loads(encode(one_of(event_type)))
    assert payload.is_valid(event)
    assert not payload.is_valid(event | {"more": 1})
    for name in event:
        assert not payload.is_valid({key: event[key] for key in event if key != name}), name
    for name in event["lines"][0]:
        line = {key: text for key, text in event["lines"][0].items() if key != name}
        assert not payload.is_valid(event | {"lines": [line]}), name


@pytest.mark.parametrize("event_type", TYPES)
@pytest.mark.parametrize(
    "changed",
    [
        {"event": "ORDER_SHIPPED"},
        {"status": "PENDING"},
        {"sequence": 0},
        {"sequence": 4},
        {"sequence": "1"},
        {"totalPrice": "19.99"},
        {"totalPrice": -1},
        {"lines": []},
        {"itemId": "A" * 24},
        {"quantity": 0},
        {"quantity": 1.5},
        {"occurredAt": "yesterday"},
        {"eventId": ""},
    ],
    ids=str,
)
def test_an_event_with_a_wrong_value_is_not_what_the_document_says(
    changed: dict[str, Any], event_type: OrderEventType
) -> None:
    _, payload = validators(event_type)
    assert not payload.is_valid(json.loads(encode(one_of(event_type))) | changed)


def test_only_the_event_of_one_line_names_item_and_quantity_beside_the_lines() -> None:
    _, payload = validators("ORDER_CREATED")
    [of_one], [of_three] = completed().new_events, completed(basket()).new_events
    one, three = json.loads(encode(of_one)), json.loads(encode(of_three))
    assert payload.is_valid(one)
    assert payload.is_valid(three)
    assert not payload.is_valid(three | {"itemId": one["itemId"], "quantity": one["quantity"]})


def test_only_the_event_of_a_failed_order_may_have_no_price() -> None:
    [event] = reverted(basket()).new_events
    told = json.loads(encode(event))
    assert told["totalPrice"] is None
    assert all(line["unitPrice"] > 0 for line in told["lines"])
    [sold] = completed().new_events
    _, payload = validators("ORDER_CREATED")
    assert not payload.is_valid(json.loads(encode(sold)) | {"totalPrice": None})


def test_an_event_with_another_key_or_another_orders_headers_is_not_what_the_document_says() -> (
    None
):
    [event], [other] = completed().new_events, completed().new_events
    key, headers, content = sent(event)
    with pytest.raises(AssertionError):
        valid(b"else", headers, content)
    with pytest.raises(AssertionError):
        valid(key, sent(other)[1], content)
    with pytest.raises(ValidationError):
        valid(key, headers | {"ce_type": "order-service.order.failed"}, content)
    with pytest.raises(ValidationError):
        valid(key, {name: headers[name] for name in headers if name != "ce_source"}, content)


def test_a_header_that_is_sent_twice_is_noticed() -> None:
    [event] = completed().new_events
    key, content = event.order_id.encode(), encode(event)
    headers = cloud_events.headers(event)
    assert read(record(content, key=key, headers=headers))["eventId"] == event.event_id
    with pytest.raises(AssertionError, match="twice"):
        read(record(content, key=key, headers=[*headers, headers[0]]))


def test_events_out_of_their_sequence_are_noticed() -> None:
    events = EVENTS["held, confirmed, cancelled"]
    first, second, third = (json.loads(encode(event)) for event in events)
    check_sequence([first, second, first, second, third])
    for wrong in ([second, first], [first, third], [second]):
        with pytest.raises(AssertionError):
            check_sequence(wrong)


@pytest.mark.parametrize("event_type", TYPES)
def test_a_program_that_knows_cloud_events_reads_the_event(event_type: OrderEventType) -> None:
    event = one_of(event_type)
    key, _, content = sent(event)
    headers = {name: text for name, text in cloud_events.headers(event) if text}
    seen = from_kafka(KafkaMessage(headers, key, content), JSONFormat())
    assert (seen.get_specversion(), seen.get_id()) == ("1.0", event.event_id)
    assert seen.get_type() == f"order-service.order.{event_type.removeprefix('ORDER_').lower()}"
    assert (seen.get_source(), seen.get_subject()) == ("/order-service/orders", event.order_id)
    assert seen.get_time() == event.occurred_at
    assert seen.get_datacontenttype() == "application/json"
    assert seen.get_data() == json.loads(content)
    whole = json.loads(to_structured(seen, JSONFormat()).value)
    assert (whole["id"], whole["data"]) == (event.event_id, json.loads(content))
