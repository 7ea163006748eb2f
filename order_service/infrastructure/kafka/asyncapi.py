"""The AsyncAPI 3.0 document: what the service says and hears on Kafka.

https://www.asyncapi.com/docs/reference/specification/v3.0.0; schemas are JSON Schema, draft 7. Who
stands behind the brokers is left out: the document is for everybody.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final

from order_service.domain.events import OrderEvent
from order_service.domain.line import Line
from order_service.infrastructure.kafka import cloud_events, order_events, stock_topics
from order_service.infrastructure.kafka.event_kinds import KINDS, Kind
from order_service.infrastructure.kafka.headers import SUFFIX
from order_service.infrastructure.kafka.members import text
from order_service.settings import Settings

Part = dict[str, Any]

_ABOUT: Final = """What becomes of an order is told on one topic, keyed by the order. An event is
published at least once, and an order's events in their order: `eventId` tells repeats apart, and
`sequence` counts 1, 2, 3 in the order's life. Ignore members and headers that you don't know: later
releases may add some."""
_JSON: Final = "application/json"
_STOCK, _LETTER = "STOCK_UPDATED", "DEAD_LETTER"
_KEYED_BY_ORDER: Final = {"kafka": {"key": text("The order's id."), "bindingVersion": "0.5.0"}}


def document(settings: Settings) -> Part:
    """With the topics that the settings name."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order Service",
            "version": version("order-service"),
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": _JSON,
        "channels": _channels(settings),
        "operations": _operations(settings),
        "components": {"messages": _messages(settings), "schemas": _schemas()},
    }


def served(settings: Settings) -> bytes:
    """The document as JSON text."""
    return json.dumps(document(settings)).encode()


def _channels(settings: Settings) -> Part:
    told = [str(kind.type) for kind in KINDS]
    order_topic = settings.kafka_order_topic
    channels = {order_topic: _channel(order_topic, "What becomes of orders.", *told)}
    for topic in settings.kafka_stock_topics:
        letters = topic + SUFFIX
        channels[topic] = _channel(topic, "Every change of an item's stock.", _STOCK)
        channels[letters] = _channel(letters, f"What came on {topic} and is poison.", _LETTER)
    return channels


def _channel(topic: str, about: str, *messages: str) -> Part:
    references = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"address": topic, "description": about, "messages": references}


def _operations(settings: Settings) -> Part:
    stock = settings.kafka_stock_topics
    actions = {
        settings.kafka_order_topic: "send",
        **dict.fromkeys(stock, "receive"),
        **dict.fromkeys([topic + SUFFIX for topic in stock], "send"),
    }
    return {
        f"{action}.{topic}": {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}
        for topic, action in actions.items()
    }


def _schemas() -> Part:
    told = {str(kind.type): order_events.schema(kind) for kind in KINDS}
    return {**told, _STOCK: stock_topics.STOCK_UPDATED}


def _messages(settings: Settings) -> Part:
    return {
        **{str(kind.type): _order_message(kind) for kind in KINDS},
        _STOCK: _stock_message(settings.stock_event_max_bytes),
        _LETTER: _letter_message(),
    }


def _payload(name: str) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def _order_message(kind: Kind) -> Part:
    return {
        "name": str(kind.type),
        "summary": kind.meaning,
        "description": "The headers are those of CloudEvents 1.0, in binary content mode.",
        "contentType": _JSON,
        "headers": cloud_events.schema(kind),
        "payload": _payload(kind.type),
        "bindings": _KEYED_BY_ORDER,
        "examples": [_sample(kind)],
    }


def _sample(kind: Kind) -> Part:
    line = Line("64b000000000000000000001", 2, Decimal("19.99") if kind.is_priced else None)
    event = OrderEvent(
        type=kind.type,
        order_id="64b000000000000000000002",
        lines=(line,),
        total_price=line.total_price,
        status=kind.status,
        occurred_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        sequence=kind.sequences[0],
    )
    return {
        "headers": {name: value.decode() for name, value in cloud_events.headers(event) if value},
        "payload": json.loads(order_events.encode(event)),
    }


def _stock_message(max_bytes: int) -> Part:
    return {
        "name": _STOCK,
        "summary": "An item's stock has changed.",
        "description": f"Up to {max_bytes} bytes. Further members are kept in the log. What is not "
        f"so goes to <topic>{SUFFIX}. A dead letter that is replayed comes with the headers.",
        "contentType": _JSON,
        "headers": stock_topics.REPLAY_HEADERS,
        "payload": _payload(_STOCK),
        "examples": [{"payload": stock_topics.STOCK_UPDATED_SAMPLE}],
    }


def _letter_message() -> Part:
    return {
        "name": _LETTER,
        "summary": "A record that can't become an entry of the stock-change log.",
        "description": "The original's key, value and headers, with these headers beside them.",
        "contentType": "application/octet-stream",
        "headers": stock_topics.DEAD_LETTER_HEADERS,
    }
