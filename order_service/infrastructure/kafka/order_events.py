"""An order's event as the service publishes it: JSON, in UTF-8."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from order_service.domain.events import OrderEvent
from order_service.domain.line import MAX_LINES, MAX_QUANTITY, Line
from order_service.infrastructure.kafka.event_kinds import Kind
from order_service.infrastructure.kafka.members import (
    Member,
    Schema,
    constant,
    object_schema,
    text,
    written,
)


def encode(event: OrderEvent) -> bytes:
    """Prices are written digit by digit: a float would lose digits."""
    return _json(members_of(event)).encode()


def members_of(event: OrderEvent) -> dict[str, Any]:
    """As they are written. The event of an order of one line names the item and the quantity beside
    the lines too."""
    one_line = len(event.lines) == 1
    return written([member for member in _EVENT if one_line or not member.of_one_line], event)


def schema(kind: Kind) -> Schema:
    """Of what ``encode`` makes of an event of that kind."""
    beside = [member.name for member in _EVENT if member.of_one_line]
    return {
        **object_schema(_EVENT, kind),
        "if": {"properties": {"lines": {"maxItems": 1}}},
        "then": {"required": beside},
        "else": {"properties": dict.fromkeys(beside, False)},
    }


def iso(time: datetime) -> str:
    """RFC 3339, in UTC with milliseconds and Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{_json(part)}' for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def _id(_: Kind) -> Schema:
    return {"type": "string", "pattern": "^[0-9a-f]{24}$"}


def _event_id(_: Kind) -> Schema:
    return text("The same however often the event is published.")


def _quantity(_: Kind) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY}


def _price_of_line(kind: Kind) -> Schema:
    """Of an order that failed after it had taken the line, the price is known too."""
    return {"type": "number" if kind.is_priced else ["number", "null"], "minimum": 0}


def _price_of_order(kind: Kind) -> Schema:
    if not kind.is_priced:
        return {"type": "null"}
    about = "With every digit, like each price; a binary float may round the price."
    return {"type": "number", "minimum": 0, "description": about}


def _lines(kind: Kind) -> Schema:
    size = {"minItems": 1, "maxItems": MAX_LINES}
    return {"type": "array", **size, "items": object_schema(_LINE, kind)}


def _time(_: Kind) -> Schema:
    return text("UTC, with milliseconds.", format="date-time")


def _sequence(kind: Kind) -> Schema:
    about = "1 for the first event of the order, 2 for the next."
    return {"type": "integer", "enum": list(kind.sequences), "description": about}


# In the order in which the members are written.
_LINE: Final[Sequence[Member[Line]]] = (
    Member("itemId", lambda line: line.item_id, _id),
    Member("quantity", lambda line: line.quantity, _quantity),
    Member("unitPrice", lambda line: line.unit_price, _price_of_line),
    Member("totalPrice", lambda line: line.total_price, _price_of_line),
)
_EVENT: Final[Sequence[Member[OrderEvent]]] = (
    Member("event", lambda event: event.type, lambda kind: constant(kind.type)),
    Member("eventId", lambda event: event.event_id, _event_id),
    Member("orderId", lambda event: event.order_id, _id),
    Member("itemId", lambda event: event.lines[0].item_id, _id, of_one_line=True),
    Member("quantity", lambda event: event.lines[0].quantity, _quantity, of_one_line=True),
    Member("lines", lambda event: [written(_LINE, line) for line in event.lines], _lines),
    Member("totalPrice", lambda event: event.total_price, _price_of_order),
    Member("status", lambda event: event.status, lambda kind: constant(kind.status)),
    Member("occurredAt", lambda event: iso(event.occurred_at), _time),
    Member("sequence", lambda event: event.sequence, _sequence),
)
