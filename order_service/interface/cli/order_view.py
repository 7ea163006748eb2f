"""Orders as people read them."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from order_service.application.orders.show import WholeOrder
from order_service.application.words import clock_time
from order_service.domain.events import OrderEvent
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import IdempotencyKey, Shortage, Stuck
from order_service.domain.moves import Overwrite, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.interface.cli.showing import age, money, printable, quoted

_COLUMNS: Final = "{:<24}  {:<23}  {:<9}  {:>8}  {:>12}  {:<24}  {}"
HEADING: Final = _COLUMNS.format(
    "ID", "CREATED", "STATUS", "QUANTITY", "TOTAL", "ITEM", ""
).rstrip()
_IN_WORDS: Final = {
    OrderPhase.GIVEN_UP: "given up",
    OrderPhase.CANCELLING: "to be cancelled",
    OrderPhase.EXPIRING: "to expire",
}
_Fact = tuple[str, str | None]


def row(order: Order) -> str:
    """The order on one line; of several items their number, and the units of all."""
    one, *others = order.lines
    return _COLUMNS.format(
        order.id,
        clock_time(order.created_at),
        order.status,
        sum(line.quantity for line in order.lines),
        "-" if order.total_price is None else money(order.total_price),
        f"{len(order.lines)} items" if others else one.item_id,
        _remark(order),
    ).rstrip()


def page(whole: WholeOrder) -> str:
    """Everything about one order; facts that the order does not have are left out."""
    order = whole.order
    facts = [
        *_lines(order),
        ("total", _total(order)),
        ("reference", order.reference),
        *(("metadata", f"{name}: {text}") for name, text in (order.metadata or {}).items()),
        ("customer", order.customer_id),
        ("request", order.origin and order.origin.request_id),
        ("trace", order.origin and order.origin.traceparent),
        ("hold", order.hold and _hold(order, order.hold)),
        ("created", clock_time(order.created_at)),
        ("settled", order.settled_at and clock_time(order.settled_at)),
        ("updated", f"{clock_time(order.updated_at)} (version {order.version})"),
        ("failure", _failure(order)),
        ("given up", order.given_up_at and clock_time(order.given_up_at)),
        ("to cancel", order.cancel_requested_at and clock_time(order.cancel_requested_at)),
        *(_stuck(order.stuck) if order.stuck else ()),
        ("decided", _decision(order)),
        ("key", order.idempotency and _key(order.idempotency)),
        *(("to publish", _event(event)) for event in whole.unpublished),
    ]
    rows = [f"  {name:<10}  {printable(fact)}" for name, fact in facts if fact]
    return "\n".join([f"{order.id}  {order.status}  {_remark(order)}".rstrip(), *rows])


def _key(idempotency: IdempotencyKey) -> str:
    return idempotency.key + (f" of {idempotency.caller}" if idempotency.caller else "")


def asks(order: Order) -> str:
    """What the order still asks of the stock, in words; of a stuck order, what is in doubt."""
    changes = order.stock_changes
    wanted = [item for item in changes if order.stuck is None or item in order.stuck.items]
    verb = "take" if order.phase.takes else "give back"
    if not wanted:
        return f"{verb} what it may have taken"
    return f"{verb} {', '.join(f'{abs(changes[item])} of item {item}' for item in wanted)}"


def _remark(order: Order) -> str:
    if order.stuck is not None:
        return "stuck"
    if order.phase in _IN_WORDS:
        return _IN_WORDS[order.phase]
    if order.held_until is not None:
        return f"held until {clock_time(order.held_until)}"
    if order.hold is not None and order.phase.takes:
        return "to be held"
    return f"decided: {order.decision.outcome}" if order.decision else ""


def _lines(order: Order) -> Iterator[_Fact]:
    for number, line in enumerate(order.lines, 1):
        yield f"line {number}", _line(line)
        if line.taken is not None:
            yield "  taken", _move(line.taken)
        if line.returned is not None:
            yield "  returned", _move(line.returned)


def _line(line: Line) -> str:
    said = f"{line.quantity} of item {line.item_id}"
    if line.unit_price is None or line.total_price is None:
        return said
    return f"{said} at {money(line.unit_price)}: {money(line.total_price)}"


def _total(order: Order) -> str | None:
    return None if order.total_price is None else _money(order.total_price, order)


def _money(value: Decimal, order: Order) -> str:
    return f"{money(value)} {order.currency or ''}".rstrip()


def _hold(order: Order, hold: Hold) -> str:
    if hold.expires_at is None:
        is_over = order.status is OrderStatus.FAILED
        begins = "never begun" if is_over else "from when the stock is taken"
        return f"for {age(timedelta(seconds=hold.seconds))}, {begins}"
    ends = {
        "confirmed": hold.confirmed_at,
        "expiry recorded": hold.expired_at,
        "cancelled": order.cancel_requested_at,
    }
    end = next((f", {word} on {clock_time(at)}" for word, at in ends.items() if at), "")
    return f"until {clock_time(hold.expires_at)}{end}"


def _failure(order: Order) -> str | None:
    if order.failure is None:
        return None
    short = ", ".join(map(shortage, order.failure.short))
    return f"{order.failure.code}: {short}" if short else order.failure.code


def shortage(short: Shortage) -> str:
    if short.available is None:
        return f"there is no item {short.item_id}"
    return f"{short.available} of item {short.item_id} were left"


def _move(move: StockMove) -> str:
    return f"stock {move.previous_stock} → {move.new_stock}, {clock_time(move.at)}"


def _stuck(stuck: Stuck) -> Iterator[_Fact]:
    yield "stuck", f"since {clock_time(stuck.since)}: {stuck.reason}"
    if stuck.intent is None:
        yield from (("in doubt", f"item {item_id}") for item_id in stuck.items)
        return
    yield from (("in doubt", _overwrite(each)) for each in stuck.overwrites_in_doubt)
    others = len(stuck.intent.order_ids) - 1
    shared = f", for orders {', '.join(stuck.intent.order_ids)}" if others else ""
    yield "intended", f"{clock_time(stuck.intent.recorded_at)}{shared}"


def _overwrite(overwrite: Overwrite) -> str:
    return (
        f"item {overwrite.item_id}: stock {overwrite.previous_stock} → {overwrite.new_stock} "
        f"at a price of {money(overwrite.unit_price)}"
    )


def _decision(order: Order) -> str | None:
    word = order.decision
    if word is None:
        return None
    by = f" by {quoted(word.by)}" if word.by else ""
    return f"{word.outcome} on {clock_time(word.at)}{by}: {word.reason}"


def _event(event: OrderEvent) -> str:
    return f"{event.type}, {clock_time(event.occurred_at)}"
