"""What docs/asyncapi.json says of the orders' events, held against those that a test reads."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from confluent_kafka import Message
from jsonschema_rs import Draft7Validator

DOCUMENT: Any = json.loads(
    (Path(__file__).parents[1] / "docs" / "asyncapi.json").read_text(encoding="utf-8")
)
Event = dict[str, Any]


def read(message: Message) -> Event:
    """The event in a record of the order topic, whose key, headers and value are what the document
    says, and nothing else."""
    assert message.error() is None, message.error()
    sent = message.headers() or []
    headers = {name: (value or b"").decode() for name, value in sent}
    assert len(headers) == len(sent), f"a header is there twice: {sent}"
    return valid(message.key(), headers, message.value() or b"")


def valid(key: bytes | str | None, headers: Mapping[str, str], value: bytes) -> Event:
    """The event in the value. Raises AssertionError, or jsonschema_rs's ValidationError."""
    event: Event = json.loads(value)
    of_headers, of_payload = validators(event["event"])
    of_payload.validate(event)
    of_headers.validate(dict(headers))
    assert key == event["orderId"].encode()
    told = {name: headers[f"ce_{name}"] for name in ("id", "subject", "time")}
    assert told == {
        "id": event["eventId"],
        "subject": event["orderId"],
        "time": event["occurredAt"],
    }
    _check_only_line(event)
    return event


def check_sequence(events: Iterable[Event]) -> None:
    """Of each order the events came as 1, 2, 3; a repeat may come at any time."""
    first_times: dict[str, dict[str, int]] = defaultdict(dict)
    for event in events:
        first_times[event["orderId"]].setdefault(event["eventId"], event["sequence"])
    for order_id, seen in first_times.items():
        assert list(seen.values()) == list(range(1, len(seen) + 1)), (order_id, seen)


@cache
def validators(name: str) -> tuple[Draft7Validator, Draft7Validator]:
    """Of the headers and of the value of a message that the document names."""
    message = DOCUMENT["components"]["messages"][name]
    payload = DOCUMENT["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
    return validator(message["headers"]), validator(payload)


def validator(schema: Any) -> Draft7Validator:
    """As strict as can be: consumers must let unknown members pass, and tests must not."""
    return Draft7Validator(_closed(schema), validate_formats=True)


def _closed(schema: Any) -> Any:
    if "properties" in schema:
        properties = {name: _closed(each) for name, each in schema["properties"].items()}
        return {**schema, "properties": properties, "additionalProperties": False}
    return {**schema, "items": _closed(schema["items"])} if "items" in schema else schema


def _check_only_line(event: Event) -> None:
    """JSON Schema can't say that two members are equal."""
    if len(event["lines"]) == 1:
        [line] = event["lines"]
        beside = event["itemId"], event["quantity"], event["totalPrice"]
        price = line["totalPrice"] if event["totalPrice"] is not None else None
        assert beside == (line["itemId"], line["quantity"], price)
