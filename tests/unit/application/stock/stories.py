"""What the history of an order tells, and whether that is the truth: the history alone must explain
what the order is, who did what, and which changes of stock came of it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from order_service.application.orders.history import OrderHistory, ReadHistory
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import EXPIRY, SETTLEMENT, Actor, Change, Entry
from order_service.domain.moves import StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.unit.application.stock.world import CANCELS, CONFIRMS, CUSTOMER, EXTENDS, Maker, World

# What follows on what. Nothing is stuck where nobody else writes the stocks.
_NEXT: dict[OrderPhase | None, dict[Change, OrderPhase]] = {
    None: {Change.ORDER_PLACED: OrderPhase.TAKING},
    OrderPhase.TAKING: {
        Change.ORDER_DEFERRED: OrderPhase.TAKING,
        Change.ORDER_GIVEN_UP: OrderPhase.GIVEN_UP,
        Change.ORDER_FAILED: OrderPhase.FAILED,
        Change.ORDER_CREATED: OrderPhase.COMPLETED,
        Change.ORDER_RESERVED: OrderPhase.HELD,
    },
    OrderPhase.GIVEN_UP: {Change.ORDER_FAILED: OrderPhase.FAILED},
    OrderPhase.HELD: {
        Change.ORDER_EXTENDED: OrderPhase.HELD,
        Change.ORDER_CREATED: OrderPhase.COMPLETED,
        Change.ORDER_CANCEL_REQUESTED: OrderPhase.CANCELLING,
        Change.ORDER_EXPIRY_RECORDED: OrderPhase.EXPIRING,
    },
    OrderPhase.EXPIRING: {Change.ORDER_EXPIRED: OrderPhase.EXPIRED},
    OrderPhase.COMPLETED: {Change.ORDER_CANCEL_REQUESTED: OrderPhase.CANCELLING},
    OrderPhase.CANCELLING: {Change.ORDER_CANCELLED: OrderPhase.CANCELLED},
}

# A request to cancel leaves the status as it was.
_SHOWN_AS = {
    OrderPhase.TAKING: OrderStatus.PENDING,
    OrderPhase.GIVEN_UP: OrderStatus.PENDING,
    OrderPhase.HELD: OrderStatus.RESERVED,
    OrderPhase.EXPIRING: OrderStatus.RESERVED,
    OrderPhase.COMPLETED: OrderStatus.COMPLETED,
    OrderPhase.FAILED: OrderStatus.FAILED,
    OrderPhase.CANCELLED: OrderStatus.CANCELLED,
    OrderPhase.EXPIRED: OrderStatus.EXPIRED,
}


def untold(world: World, contract: str) -> Iterator[str]:
    """What the histories of the world's orders leave out, or tell wrong."""
    yield from (f"nothing tells of the change to version {each}" for each in world.silent)
    read = ReadHistory(world.orders, world.logged)
    yield from _wrong_moves(world, [read(order_id) for order_id in world.orders.by_id])
    for order in world.orders.by_id.values():
        entries = world.orders.history[order.id]
        yield from _unexplained(order, entries)
        yield from _unlike_events(entries, world.orders.outbox.get(order.id, []))
        yield from _wrong_actors(world, contract, order, entries)


def _unexplained(order: Order, entries: Sequence[Entry]) -> Iterator[str]:
    """Where the entries alone do not lead to what the order is."""
    phase: OrderPhase | None = None
    status = OrderStatus.PENDING
    for entry in entries:
        after = _NEXT.get(phase, {}).get(entry.event)
        if after is None:
            yield f"{entry.event} of an order that is {phase}"
            return
        phase, status = after, _SHOWN_AS.get(after, status)
        if entry.status is not status:
            yield f"{phase} is told as {entry.status}, and not as {status}"
    yield from _out_of_order(order, entries)
    last = entries[-1]
    if (phase, last.status, last.expires_at) != (order.phase, order.status, order.held_until):
        yield f"it is told that the order is {phase}, with {last}: {order}"
    was_held = any(entry.event is Change.ORDER_RESERVED for entry in entries)
    if was_held != (order.hold is not None and order.total_price is not None):
        yield f"it is told that the order was {'held' if was_held else 'never held'}: {order}"


def _out_of_order(order: Order, entries: Sequence[Entry]) -> Iterator[str]:
    versions = [entry.version or 0 for entry in entries]
    if versions[0] != 1 or versions[-1] > order.version:
        yield f"the versions {versions} of {order}"
    for before, after in pairwise(entries):
        if (before.version or 0) >= (after.version or 0) or before.at > after.at:
            yield f"{before} comes before {after}"


_EVENTS = {str(event) for event in OrderEventType}


def _unlike_events(entries: Sequence[Entry], events: Sequence[OrderEvent]) -> Iterator[str]:
    """The events, as the world is told of them, are in the history under the same names."""
    told = [str(entry.event) for entry in entries if str(entry.event) in _EVENTS]
    if told != [str(event.type) for event in events]:
        yield f"{told}, and the events {events}"


# Who alone does this; whoever else does something finishes what one of these has asked for.
_DONE_BY = {
    Change.ORDER_PLACED: Actor.caller(CUSTOMER),
    Change.ORDER_DEFERRED: Actor.caller(CUSTOMER),
    Change.ORDER_EXTENDED: EXTENDS,
    Change.ORDER_CANCEL_REQUESTED: CANCELS,
    Change.ORDER_EXPIRY_RECORDED: EXPIRY,
}
_ASKING = {Change.ORDER_PLACED, Change.ORDER_CANCEL_REQUESTED, Change.ORDER_EXPIRY_RECORDED}


def _wrong_actors(
    world: World, contract: str, order: Order, entries: Sequence[Entry]
) -> Iterator[str]:
    def maker(entry: Entry) -> Maker | None:
        return world.makers.get((order.id, entry.version or 0))

    right: set[Actor | None]
    asked, is_held = entries[0], False
    for entry in entries:
        if entry.event in _DONE_BY:
            right = {_DONE_BY[entry.event]}
        elif is_held and entry.event is Change.ORDER_CREATED:
            right = {CONFIRMS}
        else:
            right = _who_finishes(order, asked.by, maker(asked), maker(entry), contract)
        if entry.by not in right:
            yield f"{entry} is not by {right}"
        asked = entry if entry.event in _ASKING else asked
        is_held = is_held or entry.event is Change.ORDER_RESERVED


def _who_finishes(
    order: Order, asker: Actor | None, began: Maker | None, maker: Maker | None, contract: str
) -> set[Actor | None]:
    """The asker, where whoever ``began`` ends it, too, or was called to end it; else settlement.
    Under the absolute contract whoever was called may find the order's intent on a lease, and
    settle the intent."""
    if maker is None:
        return {asker, SETTLEMENT}
    if maker.is_settlement or order.id not in maker.asked_for:
        return {SETTLEMENT}
    if maker is began or contract == "conditional":
        return {asker}
    return {asker, SETTLEMENT}


_MAY_HAVE_MOVED = {OrderStatus.PENDING, OrderStatus.FAILED}


def _wrong_moves(world: World, histories: Sequence[OrderHistory]) -> Iterator[str]:
    """The entries name the changes of stock that were made for each order, line by line, and where
    the log has them. What the orders took and gave back by a change is the change, no more and no
    less."""
    units: dict[tuple[str, StockMove], int] = defaultdict(int)
    for history in histories:
        told = [each for entry in history.entries for each in entry.moves]
        expected = _expected(history.order)
        if [each.item_id for each in told] != [item_id for item_id, _ in expected]:
            yield f"{told} of {history.order}"
        for each, (_, change) in zip(told, expected, strict=False):
            units[each.item_id, each.move] += change
            if each.place is None and each.move.previous_stock != each.move.new_stock:
                yield f"{each} is not in the log"
    for (item_id, move), change in units.items():
        made = move.new_stock - move.previous_stock
        # Where no time has passed, the same change at the same time may be of two commits.
        times = world.inventory.changes.count((item_id, move.previous_stock, move.new_stock))
        if change not in [made * n for n in range(1, times + 1)] and (made or change):
            yield f"{move} of {item_id} was for {change} units"


def _expected(order: Order) -> list[tuple[str, int]]:
    """The items whose stock was changed for the order, and by how much."""
    may_have = order.status in _MAY_HAVE_MOVED
    taken = [line for line in order.lines if line.taken or not may_have]
    returned = [line for line in order.lines if line.returned]
    gone = [(line.item_id, -line.quantity) for line in taken]
    return gone + [(line.item_id, line.quantity) for line in returned]
