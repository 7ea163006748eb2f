"""Orders that wait: why, what would decide each order, and what a person's word does."""

from datetime import datetime, timedelta
from typing import Any

from order_service.application.orders.list_open import OpenOrders
from order_service.domain.marks import Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.cli.order_view import as_json, asks
from order_service.interface.cli.showing import age, clock_time, counted, iso, printable


def paragraphs(found: OpenOrders) -> list[str]:
    """A paragraph for each order."""
    return [
        *(_stuck_paragraph(order, order.stuck, found.now) for order in found.stuck if order.stuck),
        *(_overdue_paragraph(order, found.now) for order in found.overdue),
    ]


def summary(found: OpenOrders) -> str:
    if not found.stuck and not found.overdue:
        return "No order is stuck, and none is overdue."
    more = " There are more." if found.more else ""
    return f"{counted(len(found.stuck), 'order')} stuck, {len(found.overdue)} overdue.{more}"


def fields(found: OpenOrders) -> dict[str, Any]:
    return {
        "now": iso(found.now),
        "stuck": [_with_age(order, found.now) | _ways_out(order) for order in found.stuck],
        "overdue": [_with_age(order, found.now) for order in found.overdue],
        "more": found.more,
    }


def meaning(order: Order, outcome: OrderStatus) -> str:
    """What a person's word says of the stock, and what the order becomes by the word."""
    done = outcome is OrderStatus.COMPLETED
    was = "did" if done else "did not"
    return (
        f"You say that the inventory {was} {asks(order)}. {_becomes(order, done)} No stock is "
        "moved: if the stock is wrong, correct it in the inventory."
    )


def command(order: Order, outcome: str = "completed|failed") -> str:
    return f'order-service orders settle {order.id} --as {outcome} --reason "…"'


def _becomes(order: Order, done: bool) -> str:
    if order.status is OrderStatus.PENDING:
        return f"The order becomes {'COMPLETED' if done else 'FAILED'}."
    if done:
        return "The order becomes CANCELLED."
    return "The order stays COMPLETED, and can be cancelled again."


def _stuck_paragraph(order: Order, stuck: Stuck, now: datetime) -> str:
    return "\n".join(
        [
            f"{order.id}  stuck for {age(now - stuck.since)}, to {asks(order)}",
            f"  why      {printable(stuck.reason)}",
            *(f"  {line}" for line in _evidence(order, stuck)),
            f"  or       a person's word: {command(order)}",
        ]
    )


def _evidence(order: Order, stuck: Stuck) -> list[str]:
    intent = stuck.intent
    if intent is None:
        return ["decides  nothing that the service could see"]
    others = len(intent.order_ids) - 1
    shared = f", with {counted(others, 'other order')}" if others else ""
    return [
        f"intent   stock {intent.previous_stock} → {intent.new_stock}, recorded "
        f"{clock_time(intent.recorded_at)}{shared}",
        f"decides  a change {intent.previous_stock} → {intent.new_stock} of the item in the "
        f"stock-change log, logged since then: the order is then "
        f"{'COMPLETED' if order.status is OrderStatus.PENDING else 'CANCELLED'} by itself",
    ]


def _overdue_paragraph(order: Order, now: datetime) -> str:
    return (
        f"{order.id}  overdue, waits for {age(_waited(order, now))} to {asks(order)}\n"
        "  why      the worker has not settled the order yet: check that a worker runs, and "
        "that the inventory can be reached"
    )


def _waited(order: Order, now: datetime) -> timedelta:
    assert order.awaiting_since is not None
    return now - order.awaiting_since


def _with_age(order: Order, now: datetime) -> dict[str, Any]:
    return {**as_json(order), "waitsForSeconds": round(_waited(order, now).total_seconds(), 3)}


def _ways_out(order: Order) -> dict[str, Any]:
    intent = order.stuck and order.stuck.intent
    return {
        "decidedBy": {
            "stockChange": intent
            and {"previousStock": intent.previous_stock, "newStock": intent.new_stock},
            "command": command(order),
        }
    }
