"""The promises of the stock protocol, which must hold in the end of every exploration."""

from collections.abc import Iterator

from order_service.domain.errors import HoldCancelled, HoldConfirmed, HoldExpired, IllegalMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.unit.application.stock.processes import wanted_by
from tests.unit.application.stock.stories import untold
from tests.unit.application.stock.world import Told, World


def broken_promises(world: World, contract: str) -> list[str]:
    return [
        *_unequal_stocks(world),
        *_half_filled(world),
        *_still_held(world),
        *_unkept_answers(world),
        *_untrue_answers(world),
        *_wrong_events(world),
        *_unexplained_changes(world, contract),
        *untold(world, contract),
    ]


_SOLD = {OrderStatus.COMPLETED, OrderStatus.RESERVED}


def _unequal_stocks(world: World) -> Iterator[str]:
    orders = world.orders.by_id.values()
    for item_id, stock in world.inventory.stock.items():
        sold = sum(
            quantity
            for order in orders
            if order.status in _SOLD
            for wanted, quantity in wanted_by(order)
            if wanted == item_id
        )
        if world.initial[item_id] - stock != sold:
            yield f"{item_id[0]}: stock {stock}, sold {sold} of {world.initial[item_id]}"


# Of a line: whether it was taken, and whether it was given back.
_MOVED = {
    OrderStatus.COMPLETED: {(True, False)},
    OrderStatus.RESERVED: {(True, False)},
    OrderStatus.CANCELLED: {(True, True)},
    OrderStatus.EXPIRED: {(True, True)},
    OrderStatus.FAILED: {(False, False), (True, True)},
}


def _half_filled(world: World) -> Iterator[str]:
    for order in world.orders.by_id.values():
        if not order.phase.is_settled:
            yield f"an order still waits: {order}"
        else:
            moves = {(line.taken is not None, line.returned is not None) for line in order.lines}
            if not moves <= _MOVED[order.status]:
                yield f"{order.status} with lines moved so: {moves}"


def _still_held(world: World) -> Iterator[str]:
    """Nothing is held for ever: no stock, and no slot of a customer."""
    now = world.clock.now()
    for order in world.orders.by_id.values():
        if order.held_until is not None and order.held_until <= now:
            yield f"held until {order.held_until}, and it is {now}"
        if order.hold and order.hold.slot is not None and order.phase is not OrderPhase.HELD:
            yield f"{order.phase} with a slot"


def _unkept_answers(world: World) -> Iterator[str]:
    for answer in world.answered:
        now = world.orders.by_id[answer.id]
        if now.status is not answer.status and not _may_become(world, answer, now):
            yield f"answered {answer.status}, is {now.status}"
    if any(world.orders.by_id[each].status is not OrderStatus.FAILED for each in world.refused):
        yield "answered 503, and stock was deducted"


def _may_become(world: World, answer: Order, now: Order) -> bool:
    if now.status is OrderStatus.CANCELLED:
        return answer.id in world.cancelled
    if answer.status is OrderStatus.RESERVED:
        return now.status is OrderStatus.EXPIRED or _was_confirmed(now)
    return False


def _was_confirmed(order: Order) -> bool:
    return order.hold is not None and order.hold.confirmed_at is not None


def _untrue_answers(world: World) -> Iterator[str]:
    """Of confirm, expiry and cancel one wins, and the others are told which."""
    for told in world.told:
        if not _is_true(told, world.orders.by_id[told.order_id]):
            yield f"{told} of {world.orders.by_id[told.order_id]}"


def _is_true(told: Told, order: Order) -> bool:
    if told.error in (HoldExpired, HoldCancelled):
        was = OrderStatus.EXPIRED if told.error is HoldExpired else OrderStatus.CANCELLED
        return order.status is was
    if told.error is HoldConfirmed or (told.verb, told.error) == ("confirm", None):
        return _was_confirmed(order)
    if (told.verb, told.error) == ("cancel", None):
        # Whoever meant to give a hold up has not taken back a sale.
        took_back = told.meant is OrderPhase.HELD and _was_confirmed(order)
        return order.status is OrderStatus.CANCELLED and not took_back
    # Else the order was PENDING, or it has failed.
    return told.error in (None, IllegalMove)


def _wrong_events(world: World) -> Iterator[str]:
    for order in world.orders.by_id.values():
        events = world.orders.outbox.get(order.id, [])
        told = [event.status for event in events]
        if len(told) != len(set(told)) or told[-1:] != [order.status]:
            yield f"{order.status} told as {told}"
        sequences = [event.sequence for event in events]
        if sequences != list(range(1, len(events) + 1)):
            yield f"{told} in the sequence {sequences}"


def _unexplained_changes(world: World, contract: str) -> Iterator[str]:
    """Each change of stock is one that an order names, so a refused order has caused none."""
    named: set[tuple[str, int, int]] = set()
    for order in world.orders.by_id.values():
        for line in order.lines:
            if contract == "absolute" and order.status is OrderStatus.FAILED and line.taken:
                yield f"a failed order took stock: {order}"
            named |= {
                (line.item_id, move.previous_stock, move.new_stock)
                for move in (line.taken, line.returned)
                if move
            }
    if contract == "absolute":
        yield from (f"{each} was for nobody" for each in set(world.inventory.changes) - named)
