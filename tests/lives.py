"""Whole lives of orders, from place to end, as one process after another lives them."""

from collections.abc import Callable
from dataclasses import dataclass

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import SETTLEMENT, Actor, Entry
from order_service.domain.hold import Hold
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage, Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import ITEM, basket, intent_of, later, pending

BUYER, ADMIN = Actor.caller("buyer"), Actor.caller("an admin")
SHORT = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 2),))

Move = Callable[[Order], Order]


@dataclass(frozen=True, slots=True)
class Life:
    """``saves``: the order as each save was given it."""

    saves: tuple[Order, ...]

    @property
    def orders(self) -> list[Order]:
        """The order as each save stored it."""
        return [order.saved() for order in self.saves]

    @property
    def order(self) -> Order:
        return self.saves[-1].saved()

    @property
    def events(self) -> list[OrderEvent]:
        return [event for order in self.saves for event in order.new_events]

    @property
    def history(self) -> list[Entry]:
        return [entry for order in self.saves for entry in order.new_history]


def lived(order: Order, *moves: Move) -> Life:
    """Each move is saved before the next one is made."""
    saves = [order]
    for move in moves:
        saves.append(move(saves[-1].saved()))
    return Life(tuple(saves))


def ended_by(order: Order) -> bool:
    """Whether the save of the order ends its hold, as its events tell."""
    return any(event.type is not OrderEventType.ORDER_RESERVED for event in order.new_events)


def moved(at: float, by: Actor | None = None) -> Move:
    """All that the order still has to move."""
    return lambda order: order.stock_moved(intent_of(order).moved, later(at), by)


def moved_in_part(at: float, by: Actor | None = None) -> Move:
    """The first of the items that the order still has to move."""
    return lambda order: order.stock_moved(intent_of(order).moved[:1], later(at), by)


def failed(at: float, failure: Failure = SHORT, by: Actor | None = None) -> Move:
    return lambda order: order.fail(failure, later(at), by)


def given_up(at: float, failure: Failure | None = None, by: Actor | None = None) -> Move:
    return lambda order: order.give_up(later(at), failure, by)


def reverted(at: float, by: Actor | None = None) -> Move:
    """Nothing had been taken."""
    return lambda order: order.revert({}, {}, later(at), by)


def deferred(at: float) -> Move:
    return lambda order: order.defer(later(at))


def confirmed(at: float, by: Actor = BUYER) -> Move:
    return lambda order: order.confirm(later(at), by)


def extended(at: float, until: float, by: Actor = BUYER) -> Move:
    return lambda order: order.extend(later(until), later(at), by)


def expiry_recorded(at: float) -> Move:
    return lambda order: order.expire(later(at))


def cancel_asked(at: float, by: Actor = BUYER) -> Move:
    return lambda order: order.request_cancel(later(at), by)


def doubted(at: float, certain: int = 0) -> Move:
    """Nobody knows what became of the items, but the first ``certain`` ones are moved."""

    def doubt(order: Order) -> Order:
        intent = intent_of(order)
        items = tuple(each.item_id for each in intent.moved[certain:])
        mark = Stuck("Nobody can tell.", later(at), items, intent)
        return order.mark_stuck(mark, intent.moved[:certain], SETTLEMENT)

    return doubt


def decided(at: float, outcome: OrderStatus) -> Move:
    return lambda order: order.decide(Decision(outcome, "I counted.", later(at), by="Ann"))


def bought(**given: object) -> Order:
    return pending(customer_id="buyer", **given)


def to_be_held(seconds: int = 60, slot: int | None = 3) -> Order:
    return bought(hold=Hold(seconds, slot))


DONE, NOT_DONE = OrderStatus.COMPLETED, OrderStatus.FAILED
LIVES: dict[str, Life] = {
    "sold": lived(bought(), moved(1)),
    "refused": lived(bought(), failed(1)),
    "deferred, sold by the settlement": lived(bought(), deferred(1), moved(20, SETTLEMENT)),
    "abandoned": lived(bought(), given_up(20, by=SETTLEMENT), reverted(21, SETTLEMENT)),
    "refused after a part was taken": lived(
        bought(lines=basket().lines), given_up(1, SHORT), reverted(2)
    ),
    "sold, cancelled by an admin": lived(bought(), moved(1), cancel_asked(5, ADMIN), moved(6)),
    "taken item by item": lived(
        bought(lines=basket().lines), moved_in_part(1), moved_in_part(2), moved(3)
    ),
    "stuck, sold by word": lived(bought(), doubted(20), decided(30, DONE)),
    "stuck, failed by word": lived(bought(), doubted(20), decided(30, NOT_DONE)),
    "stuck in part, failed by word, given back": lived(
        bought(lines=basket().lines),
        doubted(20, certain=2),
        decided(30, NOT_DONE),
        moved_in_part(40, SETTLEMENT),
        moved(41, SETTLEMENT),
    ),
    "sold, not cancelled by word, cancelled again": lived(
        bought(),
        moved(1),
        cancel_asked(5),
        doubted(20),
        decided(30, NOT_DONE),
        cancel_asked(40, ADMIN),
        moved(41),
    ),
    "held, confirmed": lived(to_be_held(), moved(1), confirmed(5)),
    "held, extended twice, confirmed": lived(
        to_be_held(), moved(1), extended(5, 100), extended(6, 50, ADMIN), confirmed(7)
    ),
    "held, confirmed, cancelled": lived(
        to_be_held(), moved(1), confirmed(5), cancel_asked(6), moved(7)
    ),
    "held, cancelled by an admin": lived(to_be_held(), moved(1), cancel_asked(5, ADMIN), moved(6)),
    "held, cancelled, by the settlement in the end": lived(
        to_be_held(), moved(1), cancel_asked(5), moved(20, SETTLEMENT)
    ),
    "held, expired": lived(to_be_held(), moved(1), expiry_recorded(61), moved(62)),
    "held, expired, by the settlement in the end": lived(
        to_be_held(), moved(1), expiry_recorded(61), moved(80, SETTLEMENT)
    ),
    "held, stuck in its expiry, expired by word": lived(
        to_be_held(), moved(1), expiry_recorded(61), doubted(80), decided(90, DONE)
    ),
    "held, stuck in its expiry, to go on by word": lived(
        to_be_held(),
        moved(1),
        expiry_recorded(61),
        doubted(80),
        decided(90, NOT_DONE),
        moved(91, SETTLEMENT),
    ),
    "held, not cancelled by word, expired": lived(
        to_be_held(),
        moved(1),
        cancel_asked(5),
        doubted(20),
        decided(30, NOT_DONE),
        expiry_recorded(61),
        moved(62),
    ),
    "held, not cancelled by word, confirmed, cancelled": lived(
        to_be_held(),
        moved(1),
        cancel_asked(5),
        doubted(20),
        decided(30, NOT_DONE),
        confirmed(40),
        cancel_asked(50),
        moved(51),
    ),
    "held, cancelled by word": lived(
        to_be_held(), moved(1), cancel_asked(5), doubted(20), decided(30, DONE)
    ),
    "to be held, refused": lived(to_be_held(), failed(1)),
    "to be held, abandoned": lived(
        to_be_held(), given_up(20, by=SETTLEMENT), reverted(21, SETTLEMENT)
    ),
    "to be held, stuck, failed by word": lived(to_be_held(), doubted(20), decided(30, NOT_DONE)),
    "to be held, stuck, held by word, expired": lived(
        to_be_held(), doubted(20), decided(30, DONE), expiry_recorded(90), moved(91)
    ),
}
