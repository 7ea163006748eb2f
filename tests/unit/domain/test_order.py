"""The order guards its own moves."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from order_service.domain.errors import IllegalMove, InvalidValue
from order_service.domain.events import OrderEventType
from order_service.domain.hold import Hold
from order_service.domain.line import MAX_QUANTITY, Line
from order_service.domain.marks import Failure, FailureCode, Shortage, Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.orders import (
    CALLER,
    ITEM,
    PRICE,
    START,
    basket,
    cancelled,
    cancelling,
    completed,
    confirmed,
    expired,
    expiring,
    failed,
    given_up_in_part,
    held,
    in_every_state,
    intent_of,
    key,
    later,
    moved_at,
    pending,
    stuck,
)

AT = later(9)


def test_a_new_order_waits_for_its_stock_and_has_no_price() -> None:
    order = pending(quantity=3)
    assert (order.status, order.total_price, order.version) == (OrderStatus.PENDING, None, 0)
    assert (order.created_at, order.updated_at) == (START, START)
    assert order.stock_changes == {ITEM: -3}
    assert order.new_events == ()


@pytest.mark.parametrize("quantity", [1, MAX_QUANTITY])
def test_a_quantity_can_be_anything_from_1_to_the_most(quantity: int) -> None:
    assert pending(quantity=quantity).lines == (Line(ITEM, quantity),)


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1])
def test_a_quantity_below_1_or_above_the_most_is_refused(quantity: int) -> None:
    with pytest.raises(InvalidValue) as invalid:
        pending(quantity=quantity)
    assert [field for field, _ in invalid.value.problems] == ["items[0].quantity"]


def test_an_order_can_not_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        pending().lines = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        pending().lines[0].quantity = 5  # type: ignore[misc]


# --- the moves that are allowed


def test_completing_an_order_reckons_its_total_in_decimals() -> None:
    done = moved_at(pending(quantity=3), AT, Decimal("0.10"))
    assert (done.status, done.total_price) == (OrderStatus.COMPLETED, Decimal("0.30"))
    assert (done.settled_at, done.updated_at) == (AT, AT)
    assert done.stock_changes == {}


def test_the_total_of_the_dearest_order_is_exact() -> None:
    price = Decimal("999999999999.999999")
    total = moved_at(pending(quantity=MAX_QUANTITY), AT, price).total_price
    assert total == Decimal("2147483646999999997852.516353")


def test_a_failed_order_says_why() -> None:
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 2),))
    order = pending().fail(failure, AT)
    assert (order.status, order.failure, order.settled_at) == (OrderStatus.FAILED, failure, AT)
    assert order.stock_changes == {}


def test_a_cancellation_gives_back_the_quantity_that_was_taken() -> None:
    asked = completed(quantity=3).request_cancel(later(5), CALLER)
    assert asked.status is OrderStatus.COMPLETED
    assert asked.stock_changes == {ITEM: 3}
    done = moved_at(asked, AT)
    assert (done.status, done.stock_changes) == (OrderStatus.CANCELLED, {})


def test_moved_stock_completes_a_placed_order_and_cancels_a_cancelling_one() -> None:
    taking = pending()
    [moved] = intent_of(taking).moved
    [line] = taking.stock_moved([moved], AT).lines
    assert (line.taken, line.unit_price) == (moved.move, PRICE)
    returning = cancelling()
    [moved] = intent_of(returning).moved
    done = returning.stock_moved([moved], AT)
    [line] = done.lines
    assert (done.status, line.returned) == (OrderStatus.CANCELLED, moved.move)


def test_a_stuck_order_waits_for_evidence_and_moves_on_with_it() -> None:
    order = stuck()
    assert order.stock_changes == {ITEM: -3}
    assert not order.awaits_stock
    moved = moved_at(order, AT)
    assert (moved.status, moved.stuck) == (OrderStatus.COMPLETED, None)


# --- the moves that are not

Move = Callable[[Order], Order]
# Of every item of a basket, and of no order below yet.
MOVED = intent_of(basket(), previous=500).moved
GIVEN_UP = given_up_in_part()
MOVES: dict[str, Move] = {
    "move stock": lambda order: order.stock_moved(MOVED, AT),
    "fail": lambda order: order.fail(Failure(FailureCode.ABANDONED), AT),
    "defer": lambda order: order.defer(AT),
    "request a cancellation": lambda order: order.request_cancel(AT, CALLER),
    "give up": lambda order: order.give_up(AT),
    "mark as stuck": lambda order: order.mark_stuck(Stuck("Nobody can tell.", AT, (ITEM,))),
    "confirm": lambda order: order.confirm(AT, CALLER),
    "extend": lambda order: order.extend(later(99), AT, CALLER),
    "expire": lambda order: order.expire(later(99)),
}
ALLOWED = {
    "pending": {"move stock", "fail", "defer", "give up", "mark as stuck"},
    "completed": {"request a cancellation"},
    "cancelling": {"request a cancellation", "move stock", "mark as stuck"},
    "failed": set(),
    "cancelled": set(),
    "stuck": {"move stock", "fail", "defer", "give up"},
    "given up": {"fail"},
    "given up, a part taken": {"fail", "move stock", "mark as stuck"},
    "given up and stuck": {"fail", "move stock"},
    "to be held": {"move stock", "fail", "defer", "give up", "mark as stuck"},
    "held": {"request a cancellation", "confirm", "extend", "expire"},
    "confirmed": {"request a cancellation"},
    "held and cancelling": {"move stock", "mark as stuck"},
    "expiring": {"move stock", "mark as stuck"},
    "stuck in its expiry": {"move stock"},
    "expired": set(),
}
STATES = {
    "pending": pending(),
    "completed": completed(),
    "cancelling": cancelling(),
    "failed": failed(),
    "cancelled": cancelled(),
    "stuck": stuck(),
    "given up": pending().give_up(later(1)),
    "given up, a part taken": GIVEN_UP,
    "given up and stuck": stuck(GIVEN_UP),
    "to be held": pending(hold=Hold(60)),
    "held": held(),
    "confirmed": confirmed(),
    "held and cancelling": held().request_cancel(later(5), CALLER),
    "expiring": expiring(),
    "stuck in its expiry": stuck(expiring()),
    "expired": expired(),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("move", MOVES)
def test_a_move_that_the_orders_state_forbids_raises(state: str, move: str) -> None:
    order, make = STATES[state], MOVES[move]
    if move in ALLOWED[state]:
        assert make(order) != order
        return
    with pytest.raises(IllegalMove) as illegal:
        make(order)
    assert illegal.value.order_status == order.status


# --- what status and marks mean together

PHASES = {
    "pending": OrderPhase.TAKING,
    "pending, with everything": OrderPhase.TAKING,
    "deferred": OrderPhase.TAKING,
    "given up": OrderPhase.GIVEN_UP,
    "completed": OrderPhase.COMPLETED,
    "for free": OrderPhase.COMPLETED,
    "the dearest": OrderPhase.COMPLETED,
    "failed": OrderPhase.FAILED,
    "failed for an item that is not there": OrderPhase.FAILED,
    "reverted": OrderPhase.FAILED,
    "failed, key forgotten": OrderPhase.FAILED,
    "stuck": OrderPhase.TAKING_STUCK,
    "stuck without an intent": OrderPhase.TAKING_STUCK,
    "stuck in its cancellation": OrderPhase.CANCELLING_STUCK,
    "decided": OrderPhase.COMPLETED,
    "decided against": OrderPhase.FAILED,
    "cancelling": OrderPhase.CANCELLING,
    "cancelled": OrderPhase.CANCELLED,
    "to be held": OrderPhase.TAKING,
    "held": OrderPhase.HELD,
    "extended": OrderPhase.HELD,
    "confirmed": OrderPhase.COMPLETED,
    "confirmed and cancelled": OrderPhase.CANCELLED,
    "held, to be cancelled": OrderPhase.CANCELLING,
    "expiring": OrderPhase.EXPIRING,
    "stuck in its expiry": OrderPhase.EXPIRING_STUCK,
    "expired": OrderPhase.EXPIRED,
    "failed, though to be held": OrderPhase.FAILED,
    "pending, of three lines": OrderPhase.TAKING,
    "completed, of three lines": OrderPhase.COMPLETED,
    "given up for a shortage, of three lines": OrderPhase.GIVEN_UP,
    "failed, of three lines": OrderPhase.FAILED,
    "stuck, of three lines": OrderPhase.TAKING_STUCK,
    "decided, of three lines": OrderPhase.COMPLETED,
    "decided against, of three lines": OrderPhase.GIVEN_UP,
    "cancelling, of three lines": OrderPhase.CANCELLING,
    "stuck in its cancellation, of three lines": OrderPhase.CANCELLING_STUCK,
    "reverted, of three lines": OrderPhase.FAILED,
    "stuck after it was given up, of three lines": OrderPhase.GIVEN_UP_STUCK,
}


@pytest.mark.parametrize("state", in_every_state())
def test_each_state_of_an_order_is_one_phase(state: str) -> None:
    order = in_every_state()[state]
    phase = order.phase
    assert phase is PHASES[state]
    takes = phase in (OrderPhase.TAKING, OrderPhase.TAKING_STUCK)
    fails = phase in (OrderPhase.GIVEN_UP, OrderPhase.GIVEN_UP_STUCK)
    returns = phase in (
        OrderPhase.CANCELLING,
        OrderPhase.CANCELLING_STUCK,
        OrderPhase.EXPIRING,
        OrderPhase.EXPIRING_STUCK,
    )
    assert order.stock_changes == {
        line.item_id: line.quantity * (1 - 2 * takes)
        for line in order.lines
        if (takes and not line.taken)
        or (returns and not line.returned)
        or (fails and line.taken and not line.returned)
    }
    assert (phase.takes, phase.is_given_up) == (takes, fails)
    assert phase.is_settled is not (takes or fails or returns)
    assert (order.awaiting_since is None) is phase.is_settled
    assert order.awaits_stock is (bool(order.stock_changes) and not order.stuck)


def test_every_phase_of_an_order_is_tried_by_these_tests() -> None:
    assert set(PHASES.values()) == set(OrderPhase)


def test_an_order_that_gets_stuck_is_stuck_since_the_moment_at_which_its_history_says_so() -> None:
    asked = cancelling()
    marked = asked.mark_stuck(Stuck("Nobody can tell.", START, (ITEM,)))
    assert marked.stuck is not None
    assert marked.stuck.since == asked.updated_at == marked.new_history[-1].at


def test_a_failed_and_a_cancelled_order_keep_their_marks_and_wait_for_nothing() -> None:
    given_up = pending().give_up(AT).fail(Failure(FailureCode.ABANDONED), AT)
    assert (given_up.given_up_at, given_up.phase) == (AT, OrderPhase.FAILED)
    assert cancelled().cancel_requested_at is not None
    assert cancelled().phase is OrderPhase.CANCELLED


# --- what the world is told


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (pending(), []),
        (pending().defer(AT), []),
        (stuck(), []),
        (completed(), ["ORDER_CREATED"]),
        (failed(), ["ORDER_FAILED"]),
        (cancelling().saved(), []),
        (moved_at(cancelling().saved(), AT), ["ORDER_CANCELLED"]),
        (GIVEN_UP, []),
        (moved_at(GIVEN_UP, AT), ["ORDER_FAILED"]),
    ],
)
def test_each_settlement_of_an_order_makes_one_event(order: Order, told: list[str]) -> None:
    assert [str(event.type) for event in order.new_events] == told


def test_an_orders_event_tells_what_the_order_has_become() -> None:
    order = moved_at(basket(), AT)
    [event] = order.new_events
    assert event.type is OrderEventType.ORDER_CREATED
    assert (event.order_id, event.lines) == (order.id, order.lines)
    assert (event.total_price, event.status) == (6 * PRICE, "COMPLETED")
    assert event.occurred_at == AT
    assert event.event_id == f"{order.id}-ORDER_CREATED"


def test_a_saved_order_has_the_next_version_and_nothing_new_to_tell() -> None:
    saved = completed().saved()
    assert (saved.version, saved.new_events, saved.new_history) == (1, (), ())


# --- keys


@pytest.mark.parametrize("code", FailureCode)
def test_a_failure_that_was_not_the_requests_fault_frees_the_orders_key(code: FailureCode) -> None:
    order = pending(idempotency=key()).fail(Failure(code), AT)
    freed = code in (FailureCode.INVENTORY_UNAVAILABLE, FailureCode.ABANDONED)
    assert order.idempotency == (None if freed else key())


def test_a_deferred_order_keeps_its_key_whatever_becomes_of_it() -> None:
    order = pending(idempotency=key()).defer(AT).fail(Failure(FailureCode.ABANDONED), AT)
    assert order.idempotency == key()


# --- the first answer


def test_a_cancelled_order_as_first_answered_is_completed() -> None:
    first = completed()
    for now in (cancelling(id=first.id), cancelled(id=first.id)):
        shown = now.as_first_answered()
        assert (shown.status, shown.updated_at) == (first.status, first.updated_at)
        assert shown.total_price == first.total_price


@pytest.mark.parametrize("order", [pending(), completed(), failed(), stuck()])
def test_an_order_that_was_not_cancelled_is_as_it_was_first_answered(order: Order) -> None:
    assert order.as_first_answered() == order


def test_time_never_goes_back_for_an_order_whose_next_process_has_a_clock_behind() -> None:
    done = moved_at(pending(), AT)
    asked = done.request_cancel(START, CALLER)
    done_again = moved_at(asked, START)
    assert asked.updated_at == done_again.updated_at == AT
    assert [event.occurred_at for event in done_again.new_events] == [AT, AT]


def test_one_move_of_the_stock_never_serves_an_order_twice() -> None:
    order = pending()
    moved = intent_of(order).moved
    asked = order.stock_moved(moved, AT).request_cancel(AT, CALLER)
    assert asked.was_moved_by(moved)
    assert asked.stock_moved(moved, AT) is asked
