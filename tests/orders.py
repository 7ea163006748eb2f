"""Orders in every state, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId

from order_service.domain.history import Actor
from order_service.domain.hold import Hold
from order_service.domain.line import MAX_LINES, MAX_QUANTITY, Line
from order_service.domain.marks import (
    Decision,
    Failure,
    FailureCode,
    IdempotencyKey,
    Origin,
    Shortage,
    Stuck,
)
from order_service.domain.moves import Intent, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.order_mapping import write_entry, write_event, write_order

ITEM = "a" * 24
CALLER = Actor.caller("somebody")
PRICE = Decimal("19.99")
DEAREST = Decimal("999999999999.999999")
START = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def pending(item_id: str = ITEM, quantity: int = 3, **given: Any) -> Order:
    """Of one line, unless ``lines`` are given."""
    fields = {
        "id": str(ObjectId()),
        "lines": [Line(item_id, quantity)],
        "at": START,
        **given,
    }
    return Order.place(**fields)


def basket(**given: Any) -> Order:
    """Three lines, not in the order of their items."""
    lines = [Line("c" * 24, 2), Line(ITEM, 3), Line("b" * 24, 1)]
    return pending(lines=lines, **given)


def largest(letter: str = "x", **given: Any) -> Order:
    """All that a customer can order at once, and all the shop's texts, of that letter."""
    lines = [Line(f"{number:024x}", MAX_QUANTITY // MAX_LINES) for number in range(MAX_LINES)]
    metadata = {f"{number:02}".ljust(40, letter): letter * 500 for number in range(20)}
    return pending(lines=lines, reference=letter * 64, metadata=metadata, **given)


def key(name: str = "a key", caller: str = "a caller", fingerprint: str = "body") -> IdempotencyKey:
    return IdempotencyKey(caller, name, fingerprint)


def intent_of(order: Order, previous: int = 10, price: Decimal = PRICE) -> Intent:
    """Of every item that the order still has to move, with an order beside it."""
    overwrites = tuple(
        Overwrite(item_id, previous, previous + change, price)
        for item_id, change in sorted(order.stock_changes.items())
    )
    return Intent((order.id, str(ObjectId())), overwrites, later(1))


def moved_at(order: Order, at: datetime, price: Decimal = PRICE) -> Order:
    """Once all that the order still has to move is moved."""
    return order.stock_moved(intent_of(order, price=price).moved, at)


def completed(order: Order | None = None, price: Decimal = PRICE, **given: Any) -> Order:
    """``order``: a pending one; without it, of one line."""
    return moved_at(order or pending(**given), later(2), price)


def failed(code: FailureCode = FailureCode.INSUFFICIENT_STOCK, **given: Any) -> Order:
    order = pending(**given)
    short = {
        FailureCode.INSUFFICIENT_STOCK: (Shortage(order.item_ids[0], 2),),
        FailureCode.ITEM_NOT_FOUND: (Shortage(order.item_ids[0], None),),
    }
    return order.fail(Failure(code, short.get(code, ())), later(2))


def stuck(order: Order | None = None, **given: Any) -> Order:
    """The last of its items is in doubt, and the others are moved."""
    order = order or pending(**given)
    intent = intent_of(order)
    *certain, doubtful = intent.moved
    mark = Stuck("Nobody can tell.", later(3), (doubtful.item_id,), intent)
    return order.mark_stuck(mark, certain)


def stuck_without_intent(order: Order) -> Order:
    return order.mark_stuck(Stuck("No item.", later(3), order.item_ids))


def decided(outcome: OrderStatus = OrderStatus.COMPLETED, **given: Any) -> Order:
    return stuck(**given).decide(Decision(outcome, "I looked.", later(4)))


def given_up_in_part() -> Order:
    """A basket of which a person said that the last line was not taken, and the others were."""
    return stuck(basket()).decide(Decision(OrderStatus.FAILED, "I looked.", later(4)))


def cancelling(**given: Any) -> Order:
    return completed(**given).request_cancel(later(5), CALLER)


def cancelled(**given: Any) -> Order:
    order = cancelling(**given)
    return order.stock_moved(intent_of(order, 7).moved, later(6))


def reverted(order: Order) -> Order:
    """Given up, then taken and given back."""
    taken = {each.item_id: each for each in intent_of(order).moved}
    returned = {item_id: StockMove(7, 10, later(3)) for item_id in taken}
    return order.give_up(later(1)).revert(taken, returned, later(4))


def as_stored(order: Order) -> dict[str, Any]:
    """The document that the first save makes, with the events that are not published yet, and with
    its history."""
    return write_order(order.saved()) | {
        "outbox": [write_event(event) for event in order.new_events],
        "history": [write_entry(entry) for entry in order.new_history],
    }


def in_every_state() -> dict[str, Order]:
    """As a repository would hold them: one of each, every field set in one or another."""
    all_given = {
        "origin": Origin("a-request", f"00-{'1' * 32}-{'2' * 16}-01"),
        "customer_id": "somebody",
        "reference": "2026-000017",
        "metadata": {"channel": "web", "a.name $with": "\N{SNOWMAN}"},
        "currency": "EUR",
        "idempotency": key(),
    }
    orders = {
        "pending": pending(),
        "pending, with everything": pending(**all_given),
        "deferred": pending(**all_given).defer(later(1)),
        "given up": pending(**all_given).give_up(later(1)),
        "completed": completed(**all_given),
        "for free": completed(price=Decimal(0)),
        "the dearest": completed(price=DEAREST, quantity=2**31 - 1),
        "failed": failed(**all_given),
        "failed for an item that is not there": failed(FailureCode.ITEM_NOT_FOUND),
        "reverted": reverted(pending()),
        "failed, key forgotten": failed(FailureCode.INVENTORY_UNAVAILABLE, **all_given),
        "stuck": stuck(**all_given),
        "stuck without an intent": stuck_without_intent(pending()),
        "stuck in its cancellation": stuck_without_intent(cancelling()),
        "decided": decided(**all_given),
        "decided against": decided(OrderStatus.FAILED),
        "cancelling": cancelling(**all_given),
        "cancelled": cancelled(**all_given),
        **_held_orders(),
        **_baskets(),
    }
    return {name: replace(order, new_events=(), new_history=()) for name, order in orders.items()}


def held(seconds: int = 60, slot: int | None = None, **given: Any) -> Order:
    """Held from ``later(2)`` on."""
    return completed(pending(hold=Hold(seconds, slot), **given))


def confirmed(**given: Any) -> Order:
    return held(**given).confirm(later(4), CALLER)


def expiring(**given: Any) -> Order:
    return held(**given).expire(later(62))


def expired(**given: Any) -> Order:
    return moved_at(expiring(**given), later(63))


def _held_orders() -> dict[str, Order]:
    asked = {"customer_id": "somebody", "slot": 3}
    return {
        "to be held": pending(hold=Hold(60, 3), customer_id="somebody"),
        "held": held(**asked),
        "extended": held(**asked).extend(later(100), later(3), CALLER),
        "confirmed": confirmed(**asked),
        "confirmed and cancelled": moved_at(
            confirmed(**asked).request_cancel(later(5), CALLER), later(6)
        ),
        "held, to be cancelled": held(**asked).request_cancel(later(5), Actor.caller("an admin")),
        "expiring": expiring(**asked),
        "stuck in its expiry": stuck(expiring(**asked)),
        "expired": expired(**asked),
        "failed, though to be held": pending(hold=Hold(60, 3), customer_id="somebody").fail(
            Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 2),)), later(2)
        ),
    }


def _baskets() -> dict[str, Order]:
    short = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 0), Shortage("b" * 24, 0)))
    of_lines = {
        "pending": basket(),
        "completed": completed(basket()),
        "given up for a shortage": basket().give_up(later(1), short),
        "failed": basket().fail(short, later(2)),
        "stuck": stuck(basket()),
        "decided": stuck(basket()).decide(Decision(OrderStatus.COMPLETED, "I looked.", later(4))),
        "decided against": given_up_in_part(),
        "cancelling": completed(basket()).request_cancel(later(5), CALLER),
        "stuck in its cancellation": stuck(completed(basket()).request_cancel(later(5), CALLER)),
        "reverted": reverted(basket()),
        "stuck after it was given up": stuck(given_up_in_part()),
    }
    return {f"{name}, of three lines": order for name, order in of_lines.items()}
