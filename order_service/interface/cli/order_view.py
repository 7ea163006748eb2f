"""Orders as people read them, and as JSON for programs."""

from typing import Any, Final

from order_service.application.orders.show import WholeOrder
from order_service.domain.events import OrderEvent
from order_service.domain.marks import Stuck
from order_service.domain.moves import Intent, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase
from order_service.interface.cli.showing import clock_time, iso, money, money_number, printable

_COLUMNS: Final = "{:<24}  {:<23}  {:<9}  {:>8}  {:>12}  {:<24}  {}"
HEADING: Final = _COLUMNS.format(
    "ID", "CREATED", "STATUS", "QUANTITY", "TOTAL", "ITEM", ""
).rstrip()


def line(order: Order) -> str:
    price = "-" if order.total_price is None else money(order.total_price)
    return _COLUMNS.format(
        order.id,
        clock_time(order.created_at),
        order.status,
        order.quantity,
        price,
        order.item_id,
        _remark(order),
    ).rstrip()


def page(whole: WholeOrder) -> str:
    """Everything about one order; facts that the order does not have are left out."""
    order = whole.order
    facts = [
        ("item", order.item_id),
        ("quantity", str(order.quantity)),
        ("total", money(order.total_price) if order.total_price is not None else None),
        ("customer", order.customer_id),
        ("created", clock_time(order.created_at)),
        ("settled", order.settled_at and clock_time(order.settled_at)),
        ("updated", f"{clock_time(order.updated_at)} (version {order.version})"),
        ("failure", _failure(order)),
        ("given up", order.given_up_at and clock_time(order.given_up_at)),
        ("to cancel", order.cancel_requested_at and clock_time(order.cancel_requested_at)),
        ("taken", order.taken and _move(order.taken)),
        ("returned", order.returned and _move(order.returned)),
        ("stuck", order.stuck and _stuck(order.stuck)),
        ("decided", _decision(order)),
        ("key", order.idempotency and f"{order.idempotency.key} of {order.idempotency.caller}"),
        *(("to publish", _event(event)) for event in whole.unpublished),
    ]
    rows = [f"  {name:<10}  {printable(fact)}" for name, fact in facts if fact]
    return "\n".join([f"{order.id}  {order.status}  {_remark(order)}".rstrip(), *rows])


def as_json(order: Order) -> dict[str, Any]:
    """The order as the API shows it, with the fields that only operators see."""
    failure, key, decision = order.failure, order.idempotency, order.decision
    return {
        "_id": order.id,
        "itemId": order.item_id,
        "quantity": order.quantity,
        "status": order.status,
        "totalPrice": money_number(order.total_price),
        "customerId": order.customer_id,
        "createdAt": iso(order.created_at),
        "updatedAt": iso(order.updated_at),
        "settledAt": iso(order.settled_at),
        "failure": failure and {"code": failure.code, "available": failure.available},
        "deferred": order.deferred,
        "givenUpAt": iso(order.given_up_at),
        "cancelRequestedAt": iso(order.cancel_requested_at),
        "taken": order.taken and _move_fields(order.taken),
        "returned": order.returned and _move_fields(order.returned),
        "stuck": order.stuck and _stuck_fields(order.stuck),
        "decision": decision
        and {
            "outcome": decision.outcome,
            "reason": decision.reason,
            "at": iso(decision.at),
            "stuck": decision.stuck and _stuck_fields(decision.stuck),
        },
        "idempotencyKey": key and {"caller": key.caller, "key": key.key},
        "version": order.version,
    }


def whole_as_json(whole: WholeOrder) -> dict[str, Any]:
    events = [
        {"eventId": event.event_id, "event": event.type, "occurredAt": iso(event.occurred_at)}
        for event in whole.unpublished
    ]
    return {**as_json(whole.order), "unpublishedEvents": events}


def asks(order: Order) -> str:
    """What the order asks of the stock, in words."""
    verb = "take" if order.stock_change < 0 else "give back"
    return f"{verb} {order.quantity} of item {order.item_id}"


def _remark(order: Order) -> str:
    if order.stuck is not None:
        return "stuck"
    if order.phase is OrderPhase.GIVEN_UP:
        return "given up"
    if order.phase is OrderPhase.CANCELLING:
        return "to be cancelled"
    return f"decided: {order.decision.outcome}" if order.decision else ""


def _failure(order: Order) -> str | None:
    if order.failure is None:
        return None
    left = order.failure.available
    return order.failure.code + ("" if left is None else f", {left} were left")


def _move(move: StockMove) -> str:
    return f"stock {move.previous_stock} → {move.new_stock}, {clock_time(move.at)}"


def _stuck(stuck: Stuck) -> str:
    intent = f" {_intent(stuck.intent)}" if stuck.intent else ""
    return f"since {clock_time(stuck.since)}: {stuck.reason}{intent}"


def _intent(intent: Intent) -> str:
    others = f" for orders {', '.join(intent.order_ids)}" if len(intent.order_ids) > 1 else ""
    return (
        f"Intended: stock {intent.previous_stock} → {intent.new_stock} at a price of "
        f"{money(intent.unit_price)}, {clock_time(intent.recorded_at)}{others}."
    )


def _decision(order: Order) -> str | None:
    word = order.decision
    if word is None:
        return None
    return f"{word.outcome} on {clock_time(word.at)}: {word.reason}"


def _event(event: OrderEvent) -> str:
    return f"{event.type}, {clock_time(event.occurred_at)}"


def _move_fields(move: StockMove) -> dict[str, Any]:
    return {
        "previousStock": move.previous_stock,
        "newStock": move.new_stock,
        "at": iso(move.at),
    }


def _stuck_fields(stuck: Stuck) -> dict[str, Any]:
    intent = stuck.intent
    return {
        "reason": stuck.reason,
        "since": iso(stuck.since),
        "intent": intent
        and {
            "orders": intent.order_ids,
            "previousStock": intent.previous_stock,
            "newStock": intent.new_stock,
            "unitPrice": money_number(intent.unit_price),
            "recordedAt": iso(intent.recorded_at),
        },
    }
