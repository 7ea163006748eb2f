"""The orders' events read back. A record is an event only if the service can have written it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from order_service.domain.errors import InvalidValue
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.line import Line, require_orderable, total_of
from order_service.domain.price import MAX_PRICE, has_few_digits, is_in_range
from order_service.domain.status import OrderStatus
from order_service.infrastructure.kafka.event_kinds import KINDS
from order_service.infrastructure.kafka.order_events import members_of
from order_service.infrastructure.outgoing import bounded_json
from order_service.settings import LONGEST_HOLD

_ID: Final = re.compile(r"[0-9a-f]{24}")
_KINDS: Final = {kind.type: kind for kind in KINDS}


def decode(value: bytes | None) -> OrderEvent | None:
    """The event in a record of the topic; None for what the service does not write."""
    try:
        told = bounded_json.parse(value or b"")
        event = _event_in(told)
        _require_plausible(event)
    except (ValueError, TypeError, KeyError, ArithmeticError, InvalidValue):
        return None
    # So eventId, the lines' totals and the form of the time are right too, without being read.
    return event if _has(told, members_of(event)) else None


def _event_in(told: Mapping[str, Any]) -> OrderEvent:
    lines = tuple(map(_line_in, told["lines"]))
    require_orderable(lines)
    kind = _KINDS[OrderEventType(told["event"])]
    if kind.is_priced and any(line.unit_price is None for line in lines):
        raise ValueError("no price")
    return OrderEvent(
        type=kind.type,
        order_id=_known_id(told["orderId"]),
        lines=lines,
        total_price=total_of(lines) if kind.is_priced else None,
        status=OrderStatus(told["status"]),
        occurred_at=datetime.fromisoformat(told["occurredAt"]).astimezone(UTC),
        sequence=_whole(told["sequence"]),
    )


def _line_in(told: Mapping[str, Any]) -> Line:
    quantity, price = _whole(told["quantity"]), _price(told["unitPrice"])
    return Line(_known_id(told["itemId"]), quantity, price)


def _require_plausible(event: OrderEvent) -> None:
    """Raises ValueError, and OverflowError for a time that no hold can follow."""
    kind = _KINDS[event.type]
    if event.status != kind.status or event.sequence not in kind.sequences:
        raise ValueError(event.status, event.sequence)
    event.occurred_at + timedelta(seconds=LONGEST_HOLD)


def _has(told: Any, written: Any) -> bool:
    """Whether what is written is there. Later releases may write more members."""
    if isinstance(written, dict):
        return isinstance(told, dict) and all(
            name in told and _has(told[name], part) for name, part in written.items()
        )
    if isinstance(written, list):
        same = isinstance(told, list) and len(told) == len(written)
        return same and all(map(_has, told, written))
    return not isinstance(told, bool) and bool(told == written)


def _known_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(value)
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(value)
    return value


def _price(value: Any) -> Decimal | None:
    if value is None:
        return None
    if type(value) is int:
        # Not before it is known to be small: reckoning with it could take long.
        value = Decimal(value) if 0 <= value <= MAX_PRICE else None
    if not isinstance(value, Decimal) or not is_in_range(value) or not has_few_digits(value):
        raise ValueError(value)
    return value.copy_abs()
