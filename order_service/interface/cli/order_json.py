"""Orders as JSON for programs: as the API shows them, with the fields that only operators see.

An order of one line has the line's fields beside ``lines`` too, and an intent of one overwrite the
overwrite's, for programs that know no others.
"""

from typing import Any

from order_service.application.orders.show import WholeOrder
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, Shortage, Stuck
from order_service.domain.moves import Intent, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.interface.cli.history_json import actor_as_json, history_as_json
from order_service.interface.cli.showing import iso, money_number


def as_json(order: Order) -> dict[str, Any]:
    key = order.idempotency
    lines = [_line(line) for line in order.lines]
    return {
        "_id": order.id,
        **_of_an_only(lines, "itemId", "quantity", "taken", "returned"),
        "lines": lines,
        "status": order.status,
        "totalPrice": money_number(order.total_price),
        "currency": order.currency,
        "reference": order.reference,
        "metadata": order.metadata,
        "customerId": order.customer_id,
        "requestId": order.origin and order.origin.request_id,
        "traceparent": order.origin and order.origin.traceparent,
        "expiresAt": iso(order.held_until),
        "hold": order.hold and _hold(order.hold),
        "createdAt": iso(order.created_at),
        "updatedAt": iso(order.updated_at),
        "settledAt": iso(order.settled_at),
        "failure": order.failure and _failure(order.failure, order),
        "deferred": order.deferred,
        "givenUpAt": iso(order.given_up_at),
        "cancelRequestedAt": iso(order.cancel_requested_at),
        "cancelRequestedBy": order.cancel_requested_by and actor_as_json(order.cancel_requested_by),
        "stuck": order.stuck and _stuck(order.stuck),
        "decision": order.decision and _decision(order.decision),
        "idempotencyKey": key and {"caller": key.caller, "key": key.key},
        "version": order.version,
    }


def whole_as_json(whole: WholeOrder) -> dict[str, Any]:
    events = [
        {"eventId": event.event_id, "event": event.type, "occurredAt": iso(event.occurred_at)}
        for event in whole.unpublished
    ]
    history = history_as_json(whole.history)
    return {**as_json(whole.order), "history": history, "unpublishedEvents": events}


def stock_change(overwrite: Overwrite) -> dict[str, Any]:
    """The entry that the log has of the overwrite, once it is made."""
    return {
        "itemId": overwrite.item_id,
        "previousStock": overwrite.previous_stock,
        "newStock": overwrite.new_stock,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "itemId": line.item_id,
        "quantity": line.quantity,
        "unitPrice": money_number(line.unit_price),
        "totalPrice": money_number(line.total_price),
        "taken": line.taken and _move(line.taken),
        "returned": line.returned and _move(line.returned),
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {
        "seconds": hold.seconds,
        "slot": hold.slot,
        "expiresAt": iso(hold.expires_at),
        "confirmedAt": iso(hold.confirmed_at),
        "expiredAt": iso(hold.expired_at),
    }


def _move(move: StockMove) -> dict[str, Any]:
    return {
        "previousStock": move.previous_stock,
        "newStock": move.new_stock,
        "at": iso(move.at),
    }


def _failure(failure: Failure, order: Order) -> dict[str, Any]:
    requested = {line.item_id: line.quantity for line in order.lines}
    items = [_shortage(each, requested) for each in failure.short]
    fields: dict[str, Any] = {"code": failure.code, "items": items}
    if len(order.lines) == 1:
        fields["available"] = items[0]["available"] if items else None
    return fields


def _shortage(short: Shortage, requested: dict[str, int]) -> dict[str, Any]:
    return {
        "itemId": short.item_id,
        "requested": requested.get(short.item_id),
        "available": short.available,
    }


def _stuck(stuck: Stuck) -> dict[str, Any]:
    return {
        "reason": stuck.reason,
        "since": iso(stuck.since),
        "items": stuck.items,
        "intent": stuck.intent and _intent(stuck.intent),
    }


def _intent(intent: Intent) -> dict[str, Any]:
    overwrites = [
        stock_change(each) | {"unitPrice": money_number(each.unit_price)}
        for each in intent.overwrites
    ]
    return {
        "orders": intent.order_ids,
        **_of_an_only(overwrites, "previousStock", "newStock", "unitPrice"),
        "overwrites": overwrites,
        "recordedAt": iso(intent.recorded_at),
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome,
        "reason": decision.reason,
        "by": decision.by,
        "at": iso(decision.at),
        "stuck": decision.stuck and _stuck(decision.stuck),
    }


def _of_an_only(parts: list[dict[str, Any]], *names: str) -> dict[str, Any]:
    return {name: parts[0][name] for name in names} if len(parts) == 1 else {}
