"""Orders that wait: why, what would decide each order, and what a person's word does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from order_service.application.orders.list_open import OpenOrders
from order_service.application.words import clock_time, counted
from order_service.domain.marks import Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.domain.ways_out import by_evidence, by_word, end_of
from order_service.interface.cli.order_json import as_json, stock_change
from order_service.interface.cli.order_view import asks
from order_service.interface.cli.showing import age, iso, printable


def paragraphs(found: OpenOrders) -> list[str]:
    """A paragraph for each order that waits for its stock, and one for all the holds that are
    overdue: there may be as many as a worker that was away for an hour has left."""
    return [
        *(_stuck_paragraph(order, order.stuck, found.now) for order in found.stuck if order.stuck),
        *(_overdue_paragraph(order, found.now) for order in found.overdue),
        *([_holds_paragraph(found.holds, found.now)] if found.holds else ()),
    ]


def summary(found: OpenOrders) -> str:
    if not (found.stuck or found.overdue or found.holds):
        return "No order is stuck, and none is overdue."
    more = " There are more." if found.more else ""
    stuck, holds = counted(len(found.stuck), "order"), counted(len(found.holds), "hold")
    return f"{stuck} stuck, {len(found.overdue)} overdue; {holds} overdue.{more}"


def fields(found: OpenOrders) -> dict[str, Any]:
    return {
        "now": iso(found.now),
        "stuck": [_with_age(order, found.now) | _ways_out(order) for order in found.stuck],
        "overdue": [_with_age(order, found.now) for order in found.overdue],
        "holds": [
            as_json(order) | {"overdueForSeconds": _seconds(_over_for(order, found.now))}
            for order in found.holds
        ],
        "more": found.more,
    }


def meaning(order: Order, outcome: OrderStatus) -> str:
    """What a person's word says of the stock, and what the order becomes by the word.

    Raises IllegalMove for a word that the order can't be settled by.
    """
    assert order.stuck is not None
    decided = by_word(order, outcome)
    was = "did" if outcome is OrderStatus.COMPLETED else "did not"
    return (
        f"You say that the inventory {was} {asks(order)}.{_all_or_none(order.stuck)} "
        f"By your word {_becomes(order, decided)}. The command moves no stock: if the stock of an "
        "item in doubt is wrong, correct it in the inventory."
    )


def status_now(order: Order) -> str:
    """The order after a person's word."""
    rest = "" if order.phase.is_settled else f": {_goes_on(order)}"
    return f"Order {order.id} is {order.status}{rest}."


def command(order: Order, outcome: str = "completed|failed") -> str:
    return f'order-service orders settle {order.id} --as {outcome} --reason "…"'


def _all_or_none(stuck: Stuck) -> str:
    if len(stuck.items) == 1:
        return ""
    return (
        " Where the inventory did only a part of that, correct the stock first, so that your word "
        "is true of all of these items."
    )


def _becomes(order: Order, after: Order) -> str:
    if not after.phase.is_settled:
        return _goes_on(after)
    if after.held_until is not None:
        return _is_held(order, after)
    if after.status is order.status:
        return f"the order stays {after.status}, and can be cancelled again"
    return f"the order becomes {after.status}"


def _is_held(order: Order, after: Order) -> str:
    if after.status is order.status:
        assert after.held_until is not None
        until = clock_time(after.held_until)
        return f"the order stays RESERVED until {until}, and can be confirmed or cancelled again"
    assert after.hold is not None
    return f"the order becomes RESERVED, for {age(timedelta(seconds=after.hold.seconds))} from then"


def _goes_on(order: Order) -> str:
    return f"the worker has yet to {asks(order)}, and then the order becomes {end_of(order)}"


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
    intent, after = stuck.intent, by_evidence(order)
    if intent is None or after is None:
        return ["decides  nothing that the service could see"]
    others = len(intent.order_ids) - 1
    shared = f", with {counted(others, 'other order')}" if others else ""
    doubtful = stuck.overwrites_in_doubt
    once = "once all of these are logged, " if len(doubtful) > 1 else ""
    return [
        f"intent   recorded {clock_time(intent.recorded_at)}{shared}",
        *(
            f"decides  a change {each.previous_stock} → {each.new_stock} of item {each.item_id} in "
            "the stock-change log, made since then"
            for each in doubtful
        ),
        f"then     {once}{_becomes(order, after)}, without a person's word",
    ]


def _overdue_paragraph(order: Order, now: datetime) -> str:
    return (
        f"{order.id}  overdue, waits for {age(_waited(order, now))} to {asks(order)}\n"
        "  why      the worker has not settled the order yet: check that a worker runs, and "
        "that the inventory can be reached"
    )


def _holds_paragraph(holds: Sequence[Order], now: datetime) -> str:
    return "\n".join(
        [
            f"{counted(len(holds), 'hold is', 'holds are')} over, and not expired yet",
            "  why      no worker runs, or the inventory can't be reached: then the worker leaves "
            "holds as they are",
            "  then     the worker gives the stock back, and each order becomes EXPIRED",
            "  or       until then the orders can still be confirmed, extended or cancelled",
            *(f"  {order.id}  over for {_hold(order, now)}" for order in holds),
        ]
    )


def _hold(order: Order, now: datetime) -> str:
    one, *others = order.lines
    units = sum(line.quantity for line in order.lines)
    what = f"units of {len(order.lines)} items" if others else f"of item {one.item_id}"
    return f"{age(_over_for(order, now))}, with {units} {what}"


def _over_for(order: Order, now: datetime) -> timedelta:
    assert order.held_until is not None
    return now - order.held_until


def _waited(order: Order, now: datetime) -> timedelta:
    assert order.awaiting_since is not None
    return now - order.awaiting_since


def _with_age(order: Order, now: datetime) -> dict[str, Any]:
    return {**as_json(order), "waitsForSeconds": _seconds(_waited(order, now))}


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)


def _ways_out(order: Order) -> dict[str, Any]:
    changes = (
        [stock_change(each) for each in order.stuck.overwrites_in_doubt] if order.stuck else []
    )
    stocks = ("previousStock", "newStock")
    only = {name: changes[0][name] for name in stocks} if len(changes) == 1 else None
    ways = {"stockChange": only, "stockChanges": changes, "command": command(order)}
    return {"decidedBy": ways}
