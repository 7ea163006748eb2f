"""Orders in every state, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId

from order_service.domain.order import (
    Decision,
    Failure,
    FailureCode,
    IdempotencyKey,
    Intent,
    Order,
    OrderStatus,
    StockMove,
    Stuck,
)

ITEM = "a" * 24
PRICE = Decimal("19.99")
DEAREST = Decimal("999999999999.999999")
START = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def pending(**given: Any) -> Order:
    fields = {"id": str(ObjectId()), "item_id": ITEM, "quantity": 3, "at": START, **given}
    return Order.place(**fields)


def key(name: str = "a key", caller: str = "a caller", fingerprint: str = "body") -> IdempotencyKey:
    return IdempotencyKey(caller, name, fingerprint)


def intent_of(order: Order, previous: int = 10) -> Intent:
    new_stock = previous + order.stock_change
    return Intent((order.id, str(ObjectId())), previous, new_stock, PRICE, later(1))


def completed(**given: Any) -> Order:
    order = pending(**given)
    return order.stock_moved(PRICE, intent_of(order).move, later(2))


def failed(code: FailureCode = FailureCode.INSUFFICIENT_STOCK, **given: Any) -> Order:
    return pending(**given).fail(Failure(code, 2), later(2))


def stuck(**given: Any) -> Order:
    order = pending(**given)
    return order.mark_stuck(Stuck("Nobody can tell.", later(3), intent_of(order)))


def decided(outcome: OrderStatus = OrderStatus.COMPLETED, **given: Any) -> Order:
    return stuck(**given).decide(Decision(outcome, "I looked.", later(4)))


def cancelling(**given: Any) -> Order:
    return completed(**given).request_cancel(later(5))


def cancelled(**given: Any) -> Order:
    order = cancelling(**given)
    return order.stock_moved(PRICE, intent_of(order, 7).move, later(6))


def in_every_state() -> dict[str, Order]:
    """As a repository would hold them: one of each, every field set in one or another."""
    all_given = {"customer_id": "somebody", "idempotency": key()}
    orders = {
        "pending": pending(),
        "pending, with everything": pending(**all_given),
        "deferred": pending(**all_given).defer(later(1)),
        "given up": pending(**all_given).give_up(later(1)),
        "completed": completed(**all_given),
        "for free": pending().complete(Decimal(0), later(2)),
        "the dearest": pending(quantity=2**31 - 1).complete(DEAREST, later(2)),
        "failed": failed(**all_given),
        "reverted": pending().revert(
            StockMove(10, 7, later(2)), StockMove(7, 10, later(3)), later(4)
        ),
        "failed, key forgotten": failed(FailureCode.INVENTORY_UNAVAILABLE, **all_given),
        "stuck": stuck(**all_given),
        "stuck without an intent": pending().mark_stuck(Stuck("No item.", later(3))),
        "stuck in its cancellation": cancelling().mark_stuck(Stuck("No item.", later(7))),
        "decided": decided(**all_given),
        "decided against": decided(OrderStatus.FAILED),
        "cancelling": cancelling(**all_given),
        "cancelled": cancelled(**all_given),
    }
    return {name: replace(order, new_events=()) for name, order in orders.items()}
