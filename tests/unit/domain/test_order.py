"""The order guards its own moves."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from order_service.domain.errors import IllegalMove, InvalidValue
from order_service.domain.events import OrderEventType
from order_service.domain.line import MAX_QUANTITY
from order_service.domain.marks import Failure, FailureCode, Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.orders import (
    PRICE,
    START,
    cancelled,
    cancelling,
    completed,
    failed,
    in_every_state,
    intent_of,
    key,
    later,
    pending,
    stuck,
)

AT = later(9)


def test_a_new_order_waits_for_its_stock_and_has_no_price() -> None:
    order = pending(quantity=3)
    assert (order.status, order.total_price, order.version) == (OrderStatus.PENDING, None, 0)
    assert (order.created_at, order.updated_at) == (START, START)
    assert order.stock_change == -3
    assert order.new_events == ()


@pytest.mark.parametrize("quantity", [1, MAX_QUANTITY])
def test_a_quantity_can_be_anything_from_1_to_the_most(quantity: int) -> None:
    assert pending(quantity=quantity).quantity == quantity


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1])
def test_a_quantity_below_1_or_above_the_most_is_refused(quantity: int) -> None:
    with pytest.raises(InvalidValue) as invalid:
        pending(quantity=quantity)
    assert [field for field, _ in invalid.value.problems] == ["quantity"]


def test_an_order_can_not_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        pending().quantity = 5  # type: ignore[misc]


# --- the moves that are allowed


def test_completing_an_order_reckons_its_total_in_decimals() -> None:
    done = pending(quantity=3).complete(Decimal("0.10"), AT)
    assert (done.status, done.total_price) == (OrderStatus.COMPLETED, Decimal("0.30"))
    assert (done.settled_at, done.updated_at) == (AT, AT)
    assert done.stock_change == 0


def test_the_total_of_the_dearest_order_is_exact() -> None:
    price = Decimal("999999999999.999999")
    total = pending(quantity=MAX_QUANTITY).complete(price, AT).total_price
    assert total == Decimal("2147483646999999997852.516353")


def test_a_failed_order_says_why() -> None:
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, 2)
    order = pending().fail(failure, AT)
    assert (order.status, order.failure, order.settled_at) == (OrderStatus.FAILED, failure, AT)
    assert order.stock_change == 0


def test_a_cancellation_gives_back_the_quantity_that_was_taken() -> None:
    asked = completed(quantity=3).request_cancel(later(5))
    assert asked.status is OrderStatus.COMPLETED
    assert asked.stock_change == 3
    done = asked.cancel(AT)
    assert (done.status, done.stock_change) == (OrderStatus.CANCELLED, 0)


def test_moved_stock_completes_a_placed_order_and_cancels_a_cancelling_one() -> None:
    taking = pending()
    move = intent_of(taking).move
    assert taking.stock_moved(PRICE, move, AT).taken == move
    returning = cancelling()
    move = intent_of(returning).move
    done = returning.stock_moved(PRICE, move, AT)
    assert (done.status, done.returned) == (OrderStatus.CANCELLED, move)


def test_a_stuck_order_waits_for_evidence_and_moves_on_with_it() -> None:
    order = stuck()
    assert order.stock_change == -3
    assert not order.awaits_stock
    moved = order.complete(PRICE, AT)
    assert (moved.status, moved.stuck) == (OrderStatus.COMPLETED, None)


# --- the moves that are not

Move = Callable[[Order], Order]
MOVES: dict[str, Move] = {
    "complete": lambda order: order.complete(PRICE, AT),
    "fail": lambda order: order.fail(Failure(FailureCode.ABANDONED), AT),
    "defer": lambda order: order.defer(AT),
    "request a cancellation": lambda order: order.request_cancel(AT),
    "cancel": lambda order: order.cancel(AT),
    "mark as stuck": lambda order: order.mark_stuck(Stuck("Nobody can tell.", AT)),
}
ALLOWED = {
    "pending": {"complete", "fail", "defer", "mark as stuck"},
    "completed": {"request a cancellation"},
    "cancelling": {"request a cancellation", "cancel", "mark as stuck"},
    "failed": set(),
    "cancelled": set(),
    "stuck": {"complete", "fail", "defer"},
}
STATES = {
    "pending": pending(),
    "completed": completed(),
    "cancelling": cancelling(),
    "failed": failed(),
    "cancelled": cancelled(),
    "stuck": stuck(),
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
    "reverted": OrderPhase.FAILED,
    "failed, key forgotten": OrderPhase.FAILED,
    "stuck": OrderPhase.TAKING_STUCK,
    "stuck without an intent": OrderPhase.TAKING_STUCK,
    "stuck in its cancellation": OrderPhase.CANCELLING_STUCK,
    "decided": OrderPhase.COMPLETED,
    "decided against": OrderPhase.FAILED,
    "cancelling": OrderPhase.CANCELLING,
    "cancelled": OrderPhase.CANCELLED,
}


@pytest.mark.parametrize("state", in_every_state())
def test_each_state_of_an_order_is_one_phase(state: str) -> None:
    order = in_every_state()[state]
    assert order.phase is PHASES[state]
    takes = order.phase in (OrderPhase.TAKING, OrderPhase.TAKING_STUCK, OrderPhase.GIVEN_UP)
    returns = order.phase in (OrderPhase.CANCELLING, OrderPhase.CANCELLING_STUCK)
    assert order.stock_change == order.quantity * (returns - takes)
    assert order.phase.is_settled is not (takes or returns)
    assert (order.awaiting_since is None) is order.phase.is_settled
    assert order.awaits_stock is (order.phase in (OrderPhase.TAKING, OrderPhase.CANCELLING))


def test_every_phase_of_an_order_is_tried_by_these_tests() -> None:
    assert set(PHASES.values()) == set(OrderPhase)


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
        (cancelling().saved().cancel(AT), ["ORDER_CANCELLED"]),
    ],
)
def test_each_settlement_of_an_order_makes_one_event(order: Order, told: list[str]) -> None:
    assert [str(event.type) for event in order.new_events] == told


def test_an_orders_event_tells_what_the_order_has_become() -> None:
    order = pending(quantity=2).complete(PRICE, AT)
    [event] = order.new_events
    assert event.type is OrderEventType.ORDER_CREATED
    assert (event.order_id, event.item_id, event.quantity) == (order.id, order.item_id, 2)
    assert (event.total_price, event.status) == (2 * PRICE, "COMPLETED")
    assert event.occurred_at == AT
    assert event.event_id == f"{order.id}-ORDER_CREATED"


def test_a_saved_order_has_the_next_version_and_no_new_events() -> None:
    saved = completed().saved()
    assert (saved.version, saved.new_events) == (1, ())


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
    done = pending().complete(PRICE, AT)
    asked = done.request_cancel(START)
    done_again = asked.cancel(START)
    assert asked.updated_at == done_again.updated_at == AT
    assert [event.occurred_at for event in done_again.new_events] == [AT, AT]


def test_one_move_of_the_stock_never_serves_an_order_twice() -> None:
    order = pending()
    intent = intent_of(order)
    asked = order.stock_moved(PRICE, intent.move, AT).request_cancel(AT)
    assert asked.was_moved_by(intent.move)
    assert asked.stock_moved(PRICE, intent.move, AT) is asked
