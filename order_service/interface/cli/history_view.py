"""An order's history as a timeline for people."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from order_service.application.orders.history import MoveEvidence, OrderHistory, ToldEntry
from order_service.application.place import Place
from order_service.domain.history import Actor, ActorKind, Change, Entry
from order_service.domain.marks import FailureCode
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.cli.order_view import shortage
from order_service.interface.cli.showing import age, exact_time, printable, quoted

# {by}: who made the change. {moved}: which way the stock goes.
_HAPPENED: Final[dict[Change, str]] = {
    Change.ORDER_PLACED: "placed{by}",
    Change.ORDER_DEFERRED: "left open{by}: the outcome was not known in time for the answer",
    Change.ORDER_PARTLY_MOVED: "a part of the stock {moved}{by}",
    Change.ORDER_STUCK: "marked as stuck{by}: nothing tells whether all of the stock was {moved}",
    Change.ORDER_DECIDED: "decided{by}: the changes in doubt were {word}",
    Change.ORDER_GIVEN_UP: "given up{by}: the order is to fail, and what it took goes back",
    Change.ORDER_RESERVED: "stock taken{by}, and held",
    Change.ORDER_EXTENDED: "hold extended{by}",
    Change.ORDER_CREATED: "{sale}{by}: sold",
    Change.ORDER_FAILED: "marked as failed{by}",
    Change.ORDER_CANCEL_REQUESTED: "cancellation requested{by}: the stock is to go back",
    Change.ORDER_CANCEL_DROPPED: "cancellation dropped{by}: the order keeps its stock",
    Change.ORDER_CANCELLED: "stock given back{by}: cancelled",
    Change.ORDER_EXPIRY_RECORDED: "expiry recorded{by}: the stock is to go back",
    Change.ORDER_EXPIRED: "stock given back{by}: expired",
    Change.ORDER_BROUGHT_BACK: "brought back{by}, as the events told of it",
}
_FAILURES: Final[dict[str, str]] = {
    FailureCode.INSUFFICIENT_STOCK: "the inventory had too little",
    FailureCode.ITEM_NOT_FOUND: "the inventory has no such item",
    FailureCode.INVENTORY_UNAVAILABLE: "the inventory could not be asked, and nothing was taken",
    FailureCode.ABANDONED: "nobody carried the order out; what it took was given back",
    FailureCode.DECIDED: "by a person's word",
}
_FAILS: Final = {Change.ORDER_FAILED, Change.ORDER_GIVEN_UP}
_NOT_RECORDED: Final = "(not recorded)"
_WHY_NOT_RECORDED: Final = (
    f"{_NOT_RECORDED} means that the order's fields alone tell of the change: an older release\n"
    "made it, or its entry was dropped, because an order keeps the newest 200."
)


def timeline(history: OrderHistory) -> str:
    """A line for each change of the order, and below it a line for each piece of evidence."""
    lines = ["History, oldest first, in UTC:"]
    is_given_up = False
    for told in history.entries:
        is_given_up |= told.entry.event is Change.ORDER_GIVEN_UP
        lines.append(f"  {_headline(history.order, told.entry, is_given_up)}")
        evidence = _evidence(history.order, told)
        lines += (f"      {name:<10}  {fact}" for name, fact in evidence)
    lines = [printable(line) for line in lines]
    if not all(told.entry.recorded for told in history.entries):
        lines.append(_WHY_NOT_RECORDED)
    return "\n".join(lines)


def _headline(order: Order, entry: Entry, is_given_up: bool) -> str:
    takes = entry.status is OrderStatus.PENDING and not is_given_up
    happened = _HAPPENED[entry.event].format(
        by=_by(entry.by),
        moved="taken" if takes else "given back",
        word="made" if entry.outcome is OrderStatus.COMPLETED else "not made",
        sale="confirmed" if order.hold else "stock taken",
    )
    mark = "" if entry.recorded else f" {_NOT_RECORDED}"
    return f"{exact_time(entry.at)}  {entry.status:<9}  {happened}{mark}"


def _by(actor: Actor | None) -> str:
    if actor is None:
        return ", nobody knows who"
    if actor.kind is ActorKind.EXPIRY:
        return " when the hold was over"
    if actor.kind is ActorKind.SETTLEMENT:
        return " by settlement"
    if actor.name is None:
        return f" by an unnamed {actor.kind}"
    return f" by {actor.kind} {quoted(actor.name)}"


def _evidence(order: Order, told: ToldEntry) -> Iterator[tuple[str, str]]:
    entry = told.entry
    if entry.event is Change.ORDER_PLACED and order.hold:
        yield (
            "to be held",
            f"for {age(timedelta(seconds=order.hold.seconds))}, once it has its stock",
        )
    if entry.expires_at:
        yield "held until", exact_time(entry.expires_at)
    units = {line.item_id: line.quantity for line in order.lines}
    yield from (("stock", _move(each, units[each.item_id])) for each in told.moves)
    yield from (("short", shortage(each)) for each in told.short)
    if entry.reason:
        yield "reason", _reason(entry, entry.reason)


def _move(evidence: MoveEvidence, units: int) -> str:
    move = evidence.move
    change = abs(move.new_stock - move.previous_stock)
    shared = "" if change == units else " together with other orders"
    return (
        f"{units} of item {evidence.item_id}: {move.previous_stock} → {move.new_stock}{shared}, "
        f"{_logged(evidence.place) if change else 'so nothing was sent'}"
    )


def _logged(place: Place | None) -> str:
    if place is None:
        return "not in the log"
    return f"in the log as {place.topic}[{place.partition}]@{place.offset}"


def _reason(entry: Entry, reason: str) -> str:
    meaning = _FAILURES.get(reason) if entry.event in _FAILS else None
    return f"{reason}: {meaning}" if meaning else reason
