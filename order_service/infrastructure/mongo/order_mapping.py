"""Orders, events and intents as documents, both ways, whatever release wrote the document."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from bson import Decimal128, ObjectId

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import Entry
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage, Stuck
from order_service.domain.moves import Intent, Overwrite
from order_service.domain.order import Order
from order_service.infrastructure.mongo.documents import (
    DecisionDocument,
    EntryDocument,
    EventDocument,
    FailureDocument,
    IntentDocument,
    LineDocument,
    OrderDocument,
    OverwriteDocument,
    StuckDocument,
)
from order_service.infrastructure.mongo.mapping import DocumentMapping

Fields = Mapping[str, Any]

# No item has this stock: a release that does not know an intent without an overwrite, or with
# several, therefore can't decide the intent, and moves no stock.
_UNDECIDABLE: Final = {
    "previousStock": -1,
    "newStock": -1,
    "unitPrice": Decimal128(Decimal(0)),
}
_OF_ITEMS: Final = {FailureCode.INSUFFICIENT_STOCK, FailureCode.ITEM_NOT_FOUND}

_LINE: Final = DocumentMapping(LineDocument, Line)
_OVERWRITE: Final = DocumentMapping(OverwriteDocument, Overwrite)
_INTENT: Final = DocumentMapping(IntentDocument, Intent, {"overwrites"})
_STUCK: Final = DocumentMapping(StuckDocument, Stuck, {"items", "intent"})
_DECISION: Final = DocumentMapping(DecisionDocument, Decision, {"stuck"})
_FAILURE: Final = DocumentMapping(FailureDocument, Failure)
_EVENT: Final = DocumentMapping(EventDocument, OrderEvent)
_ENTRY: Final = DocumentMapping(EntryDocument, Entry)
_ORDER: Final = DocumentMapping(
    OrderDocument, Order, {"lines", "metadata", "failure", "stuck", "decision"}
)


def write_order(order: Order) -> dict[str, Any]:
    document = _ORDER.write(order)
    if len(order.lines) == 1:
        document |= _LINE.write(order.lines[0])
    else:
        document["itemId"] = [ObjectId(line.item_id) for line in order.lines]
        document["lines"] = [_LINE.write(line) for line in order.lines]
    if order.metadata:
        document["metadata"] = [
            {"name": name, "value": value} for name, value in order.metadata.items()
        ]
    if order.failure is not None:
        document["failure"] = _write_failure(order.failure, order)
    if order.stuck is not None:
        document["stuck"] = _write_stuck(order.stuck, order)
    if order.decision is not None:
        document["decision"] = _DECISION.write(order.decision)
        if order.decision.stuck is not None:
            document["decision"]["stuck"] = _write_stuck(order.decision.stuck, order)
    return document


def read_order(document: Fields) -> Order:
    lines = read_lines(document)
    more: dict[str, Any] = {"lines": lines}
    if "metadata" in document:
        more["metadata"] = {each["name"]: each["value"] for each in document["metadata"]}
    if "failure" in document:
        more["failure"] = _read_failure(document["failure"], lines)
    if "stuck" in document:
        more["stuck"] = _read_stuck(document["stuck"], lines)
    if "decision" in document:
        decision = document["decision"]
        stuck = _read_stuck(decision["stuck"], lines) if "stuck" in decision else None
        more["decision"] = _DECISION.read(decision, stuck=stuck)
    return _ORDER.read(document, **more)


def read_lines(document: Fields) -> tuple[Line, ...]:
    """The lines of an order's document."""
    if "lines" in document:
        return tuple(map(_LINE.read, document["lines"]))
    line = _LINE.read(document)
    if line.unit_price is None and "totalPrice" in document:
        # Releases before 0.3 stored the product alone; its division is exact.
        total: Decimal = document["totalPrice"].to_decimal()
        line = replace(line, unit_price=total / line.quantity)
    return (line,)


def write_event(event: OrderEvent) -> dict[str, Any]:
    return _EVENT.write(event)


def read_events(order: Fields) -> list[OrderEvent]:
    """The unpublished events in an order's document."""
    more = {"order_id": str(order["_id"]), "lines": read_lines(order)}
    return [
        _EVENT.read({"sequence": _unnumbered(event, order)} | event, **more)
        for event in order.get("outbox", ())
    ]


def _unnumbered(event: Fields, order: Fields) -> int:
    """The sequence of an event of a release before 0.3, which numbered none. A cancellation was the
    only one that was not the first; a confirmed order, which those releases could cancel too, has
    two before it."""
    if event["type"] != OrderEventType.ORDER_CANCELLED:
        return 1
    return 3 if "confirmedAt" in order.get("hold", ()) else 2


def write_entry(entry: Entry) -> dict[str, Any]:
    return _ENTRY.write(entry)


def read_history(order: Fields) -> list[Entry]:
    """The entries of history that are recorded in an order's document."""
    return [_ENTRY.read(entry) for entry in order.get("history", ())]


def write_intent(intent: Intent) -> dict[str, Any]:
    document = _INTENT.write(intent)
    if len(intent.overwrites) == 1 and not intent.fence:
        overwrite = _OVERWRITE.write(intent.overwrites[0])
        del overwrite["itemId"]
        return document | overwrite
    document |= _UNDECIDABLE
    if intent.overwrites:
        document["overwrites"] = [_OVERWRITE.write(each) for each in intent.overwrites]
    return document


def read_intent(document: Fields, item_id: str) -> Intent:
    """``item_id``: the item of the lease or line, whose overwrite an intent of one lease is."""
    if "overwrites" in document:
        overwrites = tuple(map(_OVERWRITE.read, document["overwrites"]))
    elif document.get("abandons"):
        overwrites = ()
    else:
        overwrites = (_OVERWRITE.read({**document, "itemId": item_id}),)
    return _INTENT.read(document, overwrites=overwrites)


def _write_failure(failure: Failure, order: Order) -> dict[str, Any]:
    document = _FAILURE.write(failure)
    if len(order.lines) == 1 and failure.short and failure.short[0].available is not None:
        document["available"] = failure.short[0].available
    return document


def _read_failure(document: Fields, lines: tuple[Line, ...]) -> Failure:
    failure = _FAILURE.read(document)
    if failure.short or failure.code not in _OF_ITEMS:
        return failure
    return replace(failure, short=(Shortage(lines[0].item_id, document.get("available")),))


def _write_stuck(stuck: Stuck, order: Order) -> dict[str, Any]:
    document = _STUCK.write(stuck)
    if len(order.lines) > 1:
        document["items"] = [ObjectId(item_id) for item_id in stuck.items]
    if stuck.intent is not None:
        document["intent"] = write_intent(stuck.intent)
    return document


def _read_stuck(document: Fields, lines: tuple[Line, ...]) -> Stuck:
    items = tuple(map(str, document.get("items", ()))) or (lines[0].item_id,)
    intent = document.get("intent")
    more = {"items": items, "intent": read_intent(intent, items[0]) if intent else None}
    return _STUCK.read(document, **more)
