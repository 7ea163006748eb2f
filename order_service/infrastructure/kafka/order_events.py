"""An order's event as the service publishes it: JSON, in UTF-8."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from order_service.domain.events import OrderEvent
from order_service.domain.line import Line


def encode(event: OrderEvent) -> bytes:
    """The event of an order of one line names the item and the quantity beside the lines too.

    Prices are written digit by digit: a float would lose digits.
    """
    fields: dict[str, Any] = {
        "event": event.type,
        "eventId": event.event_id,
        "orderId": event.order_id,
    }
    if len(event.lines) == 1:
        fields |= {"itemId": event.lines[0].item_id, "quantity": event.lines[0].quantity}
    fields |= {
        "lines": [_line(line) for line in event.lines],
        "totalPrice": event.total_price,
        "status": event.status,
        "occurredAt": _iso(event.occurred_at),
        "sequence": event.sequence,
    }
    return _json(fields).encode()


def _line(line: Line) -> dict[str, Any]:
    return {
        "itemId": line.item_id,
        "quantity": line.quantity,
        "unitPrice": line.unit_price,
        "totalPrice": line.total_price,
    }


def _json(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{_json(part)}' for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
