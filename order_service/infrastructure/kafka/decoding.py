"""A stock topic's record in, a StockChange or the record's fault out."""

from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import from_json

from order_service.application.json_values import DEEPEST, NOT_FINITE, TOO_DEEP, fault
from order_service.application.place import Place
from order_service.application.stock_log.changes import StockChange
from order_service.application.stock_log.record import ADDED, REDUCED
from order_service.infrastructure.kafka import headers
from order_service.infrastructure.kafka.records import LostRecord, Record

INT64: Final = 2**63
LONGEST_ITEM_ID: Final = 256
_FAULTS: Final = {
    TOO_DEEP: f"It is nested deeper than {DEEPEST} levels.",
    NOT_FINITE: "A number in it is too large to be one.",
}
# By the types that JSON is read to, as JSON calls them.
_NAMED: Final = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


class Poison(Exception):
    """The record can never become a stock change. ``code`` is stable; ``reason`` is for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def decode(record: Record, max_bytes: int) -> StockChange:
    """Raises Poison, whatever the record is."""
    try:
        return _decode(record, max_bytes)
    except Poison:
        raise
    except Exception as error:
        reason = f"It can't be read: {type(error).__name__}."
        raise Poison("undecodable", reason) from error


def _decode(record: Record, max_bytes: int) -> StockChange:
    payload = _parsed(record, max_bytes)
    topic, partition, offset = identity(record)
    try:
        return StockChange(
            topic,
            partition,
            offset,
            _text("itemId", payload["itemId"]),
            _whole("previousStock", payload["previousStock"]),
            _whole("newStock", payload["newStock"]),
            _change_type("changeType", payload["changeType"]),
            _whole("changeAmount", payload["changeAmount"]),
            _time("updatedAt", payload["updatedAt"]),
            payload,
        )
    except KeyError as missing:
        raise Poison("missing_field", f"{missing.args[0]} is missing.") from None


def identity(record: Record) -> Place:
    """The place of the record's first delivery, which a replay names in its headers.

    Anybody can write these headers, and programs copy them from record to record. They are
    believed if they name a place that this record can be a replay of: in its own topic or that
    topic's dead letters, and in its own partition an earlier place.
    """
    own = Place(record.topic(), record.partition(), record.offset())
    sent = headers.read(record)
    told = headers.place(headers.group(sent, headers.REPLAY)) if sent else None
    if told is None or told.topic not in (own.topic, own.topic + headers.SUFFIX):
        return own
    return own if told[:2] == own[:2] and told.offset >= own.offset else told


def _parsed(record: Record, max_bytes: int) -> dict[str, Any]:
    value = record.value()
    if value is None:
        if isinstance(record, LostRecord):
            raise Poison("unreadable", record.reason)
        raise Poison("tombstone", "The value is null.")
    if len(value) > max_bytes:
        raise Poison(
            "too_large", f"{len(value)} bytes are more than STOCK_EVENT_MAX_BYTES ({max_bytes})."
        )
    try:
        payload = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise _not_json(value, error) from None
    if not isinstance(payload, dict):
        raise Poison("wrong_shape", f"A JSON object is expected, not {_NAMED[type(payload)]}.")
    if found := fault(payload):
        raise Poison(found, _FAULTS[found])
    return payload


def _not_json(value: bytes, error: ValueError) -> Poison:
    try:
        value.decode()
    except UnicodeDecodeError as at:
        return Poison("not_utf8", f"Byte {at.start} is not UTF-8.")
    return Poison("not_json", f"Not JSON: {error}.")


def _text(name: str, value: Any) -> str:
    if type(value) is not str or not 0 < len(value) <= LONGEST_ITEM_ID:
        raise Poison("invalid_field", f"{name} is no text of 1 to {LONGEST_ITEM_ID} characters.")
    return value


def _whole(name: str, value: Any) -> int:
    if type(value) is not int or not -INT64 <= value < INT64:
        raise Poison("invalid_field", f"{name} is not a whole number of 64 bits.")
    return value


def _change_type(name: str, value: Any) -> str:
    if value not in (ADDED, REDUCED):
        raise Poison("unknown_change_type", f"{name} is neither {ADDED} nor {REDUCED}.")
    return str(value)


def _time(name: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise Poison("invalid_field", f"{name} is not a time in ISO 8601.") from None
