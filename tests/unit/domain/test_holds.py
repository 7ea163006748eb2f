"""Orders that are held: who may do what and when, and what each is told who may not."""

from collections.abc import Callable
from datetime import datetime

import pytest

from order_service.domain.errors import (
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    NotHeld,
)
from order_service.domain.hold import Hold
from order_service.domain.marks import Decision
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.lives import (
    LIVES,
    NOT_DONE,
    bought,
    cancel_asked,
    decided,
    doubted,
    ended_by,
    expiry_recorded,
    failed,
    given_up,
    lived,
    moved,
    moved_in_part,
    to_be_held,
)
from tests.orders import (
    CALLER,
    basket,
    cancelled,
    cancelling,
    completed,
    confirmed,
    expired,
    expiring,
    held,
    later,
    moved_at,
    pending,
    stuck,
    stuck_without_intent,
)

# --- how long


def test_an_order_is_held_for_its_time_from_when_its_stock_was_taken() -> None:
    order = pending(hold=Hold(60))
    assert (order.held_until, order.hold) == (None, Hold(60))
    taken = moved_at(order, later(30))
    assert (taken.status, taken.phase) == (OrderStatus.RESERVED, OrderPhase.HELD)
    assert (taken.held_until, taken.settled_at) == (later(90), later(30))


def test_the_hold_of_several_items_begins_when_the_last_of_them_is_taken() -> None:
    life = lived(
        bought(lines=basket().lines, hold=Hold(60)), moved_in_part(1), moved_in_part(2), moved(30)
    )
    assert [order.held_until for order in life.orders] == [None, None, None, later(90)]


def test_a_hold_begins_not_before_the_order_was_last_changed_whatever_the_next_clock_says() -> None:
    order = moved_at(pending(hold=Hold(60)).defer(later(10)), later(9))
    assert order.held_until == later(70)


def test_an_order_that_is_held_has_its_price_and_moves_no_stock() -> None:
    order = held(quantity=2)
    assert order.total_price == completed(quantity=2).total_price
    assert (order.stock_changes, order.awaits_stock, order.awaiting_since) == ({}, False, None)


@pytest.mark.parametrize(
    "order", [confirmed(), expiring(), expired(), held().request_cancel(later(5), CALLER)]
)
def test_an_order_that_is_no_longer_held_says_no_end_of_a_hold(order: Order) -> None:
    assert order.held_until is None


# --- what may be done


def test_a_confirmed_order_is_sold_and_moves_no_stock() -> None:
    order = held().confirm(later(4), CALLER)
    assert (order.status, order.updated_at) == (OrderStatus.COMPLETED, later(4))
    assert order.hold is not None
    assert order.hold.confirmed_at == later(4)
    assert order.stock_changes == {}


def test_a_confirmed_order_is_cancelled_like_any_that_is_sold() -> None:
    asked = confirmed(quantity=2).request_cancel(later(5), CALLER)
    assert (asked.status, asked.phase) == (OrderStatus.COMPLETED, OrderPhase.CANCELLING)
    assert sum(asked.stock_changes.values()) == 2
    assert moved_at(asked, later(6)).status is OrderStatus.CANCELLED


@pytest.mark.parametrize("until", [later(30), later(300)], ids=["earlier", "later"])
def test_an_extended_hold_ends_when_the_extension_says(until: datetime) -> None:
    order = held().extend(until, later(5), CALLER)
    assert (order.status, order.held_until, order.updated_at) == (
        OrderStatus.RESERVED,
        until,
        later(5),
    )


def test_a_hold_can_be_extended_again_and_again() -> None:
    order = held()
    for n in range(5):
        order = order.extend(later(100 + n), later(5 + n), CALLER)
    assert order.held_until == later(104)


def test_a_hold_expires_at_its_end_and_no_millisecond_before() -> None:
    order = held(60)
    assert order.held_until == later(62)
    with pytest.raises(IllegalMove, match="not over yet"):
        order.expire(later(61.999))
    assert order.expire(later(62)).phase is OrderPhase.EXPIRING


def test_an_extended_hold_does_not_expire_at_its_former_end() -> None:
    order = held(60).extend(later(100), later(5), CALLER)
    with pytest.raises(IllegalMove, match="not over yet"):
        order.expire(later(62))
    assert order.expire(later(100)).phase is OrderPhase.EXPIRING


def test_an_expiry_is_recorded_before_the_goods_go_back_and_the_order_expires_after_that() -> None:
    order = held(quantity=3).expire(later(62))
    assert (order.status, order.awaiting_since) == (OrderStatus.RESERVED, later(62))
    assert list(order.stock_changes.values()) == [3]
    done = moved_at(order, later(63))
    assert (done.status, done.stock_changes) == (OrderStatus.EXPIRED, {})


@pytest.mark.parametrize(
    ("move", "status"),
    [
        (lambda order: order.confirm(later(500), CALLER), OrderStatus.COMPLETED),
        (lambda order: order.extend(later(600), later(500), CALLER), OrderStatus.RESERVED),
        (lambda order: order.request_cancel(later(500), CALLER), OrderStatus.RESERVED),
    ],
    ids=["confirmed", "extended", "cancelled"],
)
def test_a_hold_that_is_over_can_still_be_changed_until_its_expiry_is_recorded(
    move: Callable[[Order], Order], status: OrderStatus
) -> None:
    assert move(held(60)).status is status
    with pytest.raises(HoldExpired):
        move(held(60).expire(later(62)))


def test_a_hold_is_confirmed_not_before_the_order_was_last_changed() -> None:
    order = held().extend(later(100), later(9), CALLER).confirm(later(4), CALLER)
    assert order.hold is not None
    assert order.hold.confirmed_at == order.updated_at == later(9)


# --- what may not, and why

Move = Callable[[Order], Order]
MOVES: dict[str, Move] = {
    "confirm": lambda order: order.confirm(later(99), CALLER),
    "extend": lambda order: order.extend(later(200), later(99), CALLER),
    "expire": lambda order: order.expire(later(99)),
    "cancel": lambda order: order.request_cancel(later(99), CALLER),
}
CANCELLING = held().request_cancel(later(5), CALLER)
STATES: dict[str, Order] = {
    "pending": pending(),
    "to be held": pending(hold=Hold(60)),
    "to be held, and stuck": stuck(pending(hold=Hold(60))),
    "to be held, and given up": pending(hold=Hold(60)).give_up(later(1)),
    "failed": LIVES["refused"].order,
    "failed, though to be held": LIVES["to be held, refused"].order,
    "sold, never held": completed(),
    "cancelling, never held": cancelling(),
    "cancelled, never held": cancelled(),
    "held": held(),
    "held, to be cancelled": CANCELLING,
    "held, stuck in its cancellation": stuck_without_intent(CANCELLING),
    "held and cancelled": moved_at(CANCELLING, later(6)),
    "expiring": expiring(),
    "stuck in its expiry": stuck_without_intent(expiring()),
    "expired": expired(),
    "confirmed": confirmed(),
    "confirmed, to be cancelled": confirmed().request_cancel(later(5), CALLER),
    "confirmed and cancelled": LIVES["held, confirmed, cancelled"].order,
}
# Whoever confirms, extends or expires is told the same; None: it may be done.
TOLD: dict[str, tuple[type[IllegalMove] | None, type[IllegalMove] | None]] = {
    "pending": (IllegalMove, IllegalMove),
    "to be held": (IllegalMove, IllegalMove),
    "to be held, and stuck": (IllegalMove, IllegalMove),
    "to be held, and given up": (IllegalMove, IllegalMove),
    "failed": (IllegalMove, IllegalMove),
    "failed, though to be held": (IllegalMove, IllegalMove),
    "sold, never held": (NotHeld, None),
    "cancelling, never held": (NotHeld, None),
    "cancelled, never held": (NotHeld, IllegalMove),
    "held": (None, None),
    "held, to be cancelled": (HoldCancelled, HoldCancelled),
    "held, stuck in its cancellation": (HoldCancelled, HoldCancelled),
    "held and cancelled": (HoldCancelled, HoldCancelled),
    "expiring": (HoldExpired, HoldExpired),
    "stuck in its expiry": (HoldExpired, HoldExpired),
    "expired": (HoldExpired, HoldExpired),
    "confirmed": (HoldConfirmed, None),
    "confirmed, to be cancelled": (HoldCancelled, None),
    "confirmed and cancelled": (HoldCancelled, HoldCancelled),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", STATES)
def test_a_move_that_an_orders_hold_forbids_says_what_became_of_the_hold(
    state: str, move: str
) -> None:
    order = STATES[state]
    of_the_hold, of_a_cancellation = TOLD[state]
    expected = of_a_cancellation if move == "cancel" else of_the_hold
    if expected is None:
        assert MOVES[move](order).updated_at == later(99)
        return
    with pytest.raises(IllegalMove) as told:
        MOVES[move](order)
    assert type(told.value) is expected
    assert told.value.order_status == order.status


@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        ("pending", "illegal_move", "The order is PENDING and cannot be confirmed."),
        ("failed", "illegal_move", "The order is FAILED and cannot be confirmed."),
        ("sold, never held", "not_held", "The order is COMPLETED and was never held."),
        ("expired", "hold_expired", "The hold was not confirmed in time and has expired."),
        ("held and cancelled", "hold_cancelled", "The held order was cancelled."),
        ("confirmed", "hold_confirmed", "The held order was confirmed: the order is sold."),
    ],
)
def test_who_confirms_in_vain_is_told_by_a_code_and_in_words_what_the_order_is(
    state: str, code: str, message: str
) -> None:
    with pytest.raises(IllegalMove) as told:
        MOVES["confirm"](STATES[state])
    assert (told.value.code, told.value.message) == (code, message)


def test_every_phase_of_an_order_is_tried_by_these_moves() -> None:
    tried = {order.phase for order in STATES.values()}
    assert tried == set(OrderPhase) - {OrderPhase.GIVEN_UP_STUCK}


# --- a person's word


def test_a_word_that_the_goods_of_an_expired_hold_are_not_back_gives_them_back() -> None:
    order = stuck(expiring()).decide(Decision(OrderStatus.FAILED, "I counted.", later(80)))
    assert (order.phase, order.stuck, order.awaits_stock) == (OrderPhase.EXPIRING, None, True)
    assert moved_at(order, later(81)).status is OrderStatus.EXPIRED


def test_a_word_that_the_goods_of_an_expired_hold_are_back_expires_the_order() -> None:
    order = stuck(expiring()).decide(Decision(OrderStatus.COMPLETED, "I counted.", later(80)))
    assert (order.status, order.stock_changes) == (OrderStatus.EXPIRED, {})


def test_a_word_that_a_cancelled_holds_goods_are_not_back_lets_the_order_be_held_as_before() -> (
    None
):
    order = lived(to_be_held(), moved(1), cancel_asked(5), doubted(20), decided(30, NOT_DONE)).order
    assert (order.phase, order.held_until) == (OrderPhase.HELD, later(61))
    assert (order.cancel_requested_at, order.cancel_requested_by) == (None, None)
    assert order.confirm(later(40), CALLER).status is OrderStatus.COMPLETED


# --- the slot among the customer's holds

KEPT = {
    "to be held": [],
    "held": [moved(1)],
    "deferred": [lambda order: order.defer(later(1))],
    "stuck": [doubted(1)],
    "given up": [given_up(1)],
    "extended": [moved(1), lambda order: order.extend(later(99), later(5), CALLER)],
    "to be cancelled": [moved(1), cancel_asked(5)],
    "stuck in its cancellation": [moved(1), cancel_asked(5), doubted(20)],
    "not cancelled by word": [moved(1), cancel_asked(5), doubted(20), decided(30, NOT_DONE)],
    "expiring": [moved(1), expiry_recorded(61)],
    "stuck in its expiry": [moved(1), expiry_recorded(61), doubted(80)],
    "to expire by word": [moved(1), expiry_recorded(61), doubted(80), decided(90, NOT_DONE)],
}


@pytest.mark.parametrize("moves", KEPT.values(), ids=KEPT)
def test_an_order_counts_among_its_customers_holds_while_it_may_hold_stock(
    moves: list[Move],
) -> None:
    hold = lived(to_be_held(slot=3), *moves).order.hold
    assert hold is not None
    assert hold.slot == 3


@pytest.mark.parametrize("name", [name for name in LIVES if "held" in name])
def test_the_write_that_ends_a_hold_ends_the_orders_count_among_its_customers_holds(
    name: str,
) -> None:
    saves = LIVES[name].saves
    slots = [order.hold.slot for order in saves if order.hold]
    ended_at = [ended_by(order) for order in saves].index(True)
    assert slots == [3] * ended_at + [None] * (len(saves) - ended_at)


def test_an_order_that_is_not_counted_never_gets_a_slot() -> None:
    for move in (moved(1), failed(1)):
        hold = lived(to_be_held(slot=None), move).order.hold
        assert hold is not None
        assert hold.slot is None
    assert LIVES["sold"].order.hold is None


# --- the first answer


@pytest.mark.parametrize(
    "moves",
    [
        [],
        [lambda order: order.confirm(later(5), CALLER)],
        [lambda order: order.extend(later(500), later(5), CALLER)],
        [cancel_asked(5)],
        [cancel_asked(5), moved(6)],
        [expiry_recorded(61)],
        [expiry_recorded(61), moved(62)],
        [lambda order: order.confirm(later(5), CALLER), cancel_asked(6), moved(7)],
    ],
    ids=[
        "held",
        "confirmed",
        "extended",
        "to be cancelled",
        "cancelled",
        "expiring",
        "expired",
        "confirmed and cancelled",
    ],
)
def test_a_held_order_as_first_answered_is_held_until_its_first_end(moves: list[Move]) -> None:
    first, now = lived(to_be_held(), moved(1)).order, lived(to_be_held(), moved(1), *moves).order
    shown = now.as_first_answered()
    assert (shown.status, shown.phase) == (OrderStatus.RESERVED, OrderPhase.HELD)
    assert (shown.held_until, shown.updated_at) == (later(61), later(1))
    assert shown.total_price == first.total_price
    assert (shown.cancel_requested_at, shown.cancel_requested_by) == (None, None)


def test_an_order_that_was_to_be_held_and_failed_is_as_first_answered() -> None:
    order = LIVES["to be held, refused"].order
    assert order.as_first_answered() == order
