"""Orders of several lines: what is left to be moved, what moves do, and what a word does."""

from dataclasses import replace
from decimal import Decimal

import pytest

from order_service.domain.errors import IllegalMove
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage, Stuck
from order_service.domain.moves import MovedLine, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.orders import (
    CALLER,
    ITEM,
    PRICE,
    basket,
    cancelling,
    completed,
    given_up_in_part,
    intent_of,
    later,
    pending,
    stuck,
    stuck_without_intent,
)

# A basket is of 2 of C, 3 of ITEM and 1 of B.
B, C = "b" * 24, "c" * 24
AT = later(9)
OWED = {C: 2, ITEM: 3, B: 1}


def moved(item_id: str, previous: int, new: int) -> MovedLine:
    return MovedLine(item_id, PRICE, StockMove(previous, new, later(1)))


TAKEN = [moved(C, 10, 8), moved(ITEM, 10, 7), moved(B, 10, 9)]
RETURNED = [moved(C, 4, 6), moved(ITEM, 4, 7), moved(B, 4, 5)]


def cancelling_basket() -> Order:
    return cancelling(lines=basket().lines)


def word(outcome: OrderStatus) -> Decision:
    return Decision(outcome, "I counted.", AT)


def by_word(order: Order, outcome: OrderStatus) -> Order:
    return order.decide(word(outcome))


# --- what is still to be moved


def test_an_order_that_takes_still_has_to_move_each_line_that_is_not_taken() -> None:
    order = basket()
    assert order.stock_changes == {C: -2, ITEM: -3, B: -1}
    order = order.stock_moved(TAKEN[:1], AT)
    assert order.stock_changes == {ITEM: -3, B: -1}
    assert (order.status, order.total_price, order.updated_at) == (OrderStatus.PENDING, None, AT)


def test_a_cancellation_still_has_to_move_each_line_that_is_not_returned() -> None:
    order = cancelling_basket()
    assert order.stock_changes == OWED
    assert order.stock_moved(RETURNED[1:], AT).stock_changes == {C: 2}


def test_a_given_up_order_gives_back_only_what_is_known_to_be_taken() -> None:
    assert basket().give_up(AT).stock_changes == {}
    assert given_up_in_part().stock_changes == {ITEM: 3, B: 1}


@pytest.mark.parametrize(
    "order", [completed(basket()), basket().fail(Failure(FailureCode.DECIDED), AT)]
)
def test_a_settled_order_moves_nothing_more(order: Order) -> None:
    assert order.stock_changes == {}
    assert not order.awaits_stock


def test_a_cancellation_gives_back_lines_whose_moves_an_older_release_did_not_record() -> None:
    order = cancelling_basket()
    older = replace(order, lines=tuple(replace(line, taken=None) for line in order.lines))
    assert older.stock_changes == OWED


# --- moves


def test_a_move_of_every_line_completes_an_order_at_the_prices_of_the_moves() -> None:
    prices = [Decimal("1.10"), Decimal("0.20"), Decimal("0.03")]
    done = basket().stock_moved(
        [replace(each, unit_price=price) for each, price in zip(TAKEN, prices, strict=True)], AT
    )
    assert [line.unit_price for line in done.lines] == prices
    assert [line.taken for line in done.lines] == [each.move for each in TAKEN]
    assert (done.status, done.total_price) == (OrderStatus.COMPLETED, Decimal("2.83"))
    assert [str(event.type) for event in done.new_events] == ["ORDER_CREATED"]


def test_lines_that_are_moved_one_after_another_end_as_if_moved_together() -> None:
    order = basket()
    for each in TAKEN:
        assert order.status is OrderStatus.PENDING
        order = order.stock_moved([each], AT)
    together = basket(id=order.id).stock_moved(TAKEN, AT)
    assert [entry.event for entry in order.new_history] == [
        "ORDER_PLACED",
        "ORDER_PARTLY_MOVED",
        "ORDER_PARTLY_MOVED",
        "ORDER_CREATED",
    ]
    assert order == replace(together, new_history=order.new_history)


def test_moves_of_items_that_the_order_does_not_wait_for_are_left_out() -> None:
    order = basket().stock_moved([*TAKEN[:1], moved("d" * 24, 5, 4)], AT)
    assert [line.taken for line in order.lines] == [TAKEN[0].move, None, None]
    again = order.stock_moved([moved(C, 3, 1), TAKEN[1]], AT)
    assert [line.taken for line in again.lines] == [TAKEN[0].move, TAKEN[1].move, None]


def test_moves_that_have_served_an_order_serve_the_order_no_second_time() -> None:
    asked = basket().stock_moved(TAKEN, AT).request_cancel(AT, CALLER)
    for again in (TAKEN, TAKEN[:1], [TAKEN[2], RETURNED[0]]):
        assert asked.was_moved_by(again)
        assert asked.stock_moved(again, AT) is asked
    assert asked.stock_moved(RETURNED, AT).status is OrderStatus.CANCELLED


def test_a_cancellation_ends_when_its_last_line_is_returned() -> None:
    asked = cancelling_basket().saved()
    part = asked.stock_moved(RETURNED[:2], AT)
    assert (part.status, part.phase) == (OrderStatus.COMPLETED, OrderPhase.CANCELLING)
    assert part.new_events == ()
    done = part.stock_moved(RETURNED[2:], AT)
    assert done.status is OrderStatus.CANCELLED
    assert [line.returned for line in done.lines] == [each.move for each in RETURNED]
    assert [str(event.type) for event in done.new_events] == ["ORDER_CANCELLED"]


def test_a_given_up_order_fails_when_what_it_took_is_returned() -> None:
    done = given_up_in_part().stock_moved(RETURNED, AT)
    assert (done.status, done.failure) == (OrderStatus.FAILED, Failure(FailureCode.DECIDED))
    assert [line.returned for line in done.lines] == [None, RETURNED[1].move, RETURNED[2].move]
    assert [str(event.type) for event in done.new_events] == ["ORDER_FAILED"]


def test_an_order_with_nothing_left_to_move_takes_no_move() -> None:
    with pytest.raises(IllegalMove):
        completed(basket()).stock_moved([moved(C, 3, 1)], AT)
    with pytest.raises(IllegalMove):
        basket().give_up(AT).stock_moved(TAKEN, AT)


# --- giving up and giving back, written ahead


def test_a_given_up_order_keeps_the_failure_for_which_it_was_given_up() -> None:
    short = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(B, 0),))
    given_up = basket().give_up(AT, short)
    taken = {each.item_id: each for each in TAKEN[:2]}
    returned = {each.item_id: each.move for each in RETURNED[:2]}
    failed = given_up.revert(taken, returned, AT)
    assert (failed.status, failed.failure) == (OrderStatus.FAILED, short)
    assert [(line.taken, line.returned) for line in failed.lines] == [
        (TAKEN[0].move, RETURNED[0].move),
        (TAKEN[1].move, RETURNED[1].move),
        (None, None),
    ]


def test_a_given_up_order_whose_failure_is_not_known_fails_as_abandoned() -> None:
    failed = basket().give_up(AT).revert({}, {}, AT)
    assert failed.failure == Failure(FailureCode.ABANDONED)


# --- stuck


def test_a_stuck_order_keeps_the_moves_that_are_certain() -> None:
    order = basket()
    mark = Stuck("Nobody can tell.", AT, (ITEM,), intent_of(order))
    marked = order.mark_stuck(mark, [TAKEN[0], TAKEN[2], moved("d" * 24, 5, 4)])
    assert [line.taken for line in marked.lines] == [TAKEN[0].move, None, TAKEN[2].move]
    assert (marked.phase, marked.stuck) == (OrderPhase.TAKING_STUCK, mark)
    assert marked.stock_changes == {ITEM: -3}
    assert not marked.awaits_stock


def test_a_stuck_cancellation_keeps_the_returns_that_are_certain() -> None:
    asked = cancelling_basket()
    mark = Stuck("Nobody can tell.", AT, (ITEM, B), intent_of(asked))
    marked = asked.mark_stuck(mark, RETURNED[:1])
    assert [line.returned for line in marked.lines] == [RETURNED[0].move, None, None]
    assert [line.taken for line in marked.lines] == [line.taken for line in asked.lines]
    assert marked.phase is OrderPhase.CANCELLING_STUCK


def test_evidence_of_the_lines_in_doubt_ends_what_certain_lines_began() -> None:
    marked = stuck(basket())
    assert marked.stuck is not None
    assert marked.stuck.intent is not None
    doubtful = [each for each in marked.stuck.intent.moved if each.item_id in marked.stuck.items]
    done = marked.stock_moved(doubtful, AT)
    assert (done.status, done.stuck) == (OrderStatus.COMPLETED, None)
    assert done.total_price == 6 * PRICE


def test_a_given_up_order_that_is_stuck_waits_for_evidence_and_then_fails() -> None:
    order = stuck(given_up_in_part())
    assert order.phase is OrderPhase.GIVEN_UP_STUCK
    assert (order.stock_changes, order.awaits_stock) == ({B: 1}, False)
    done = order.stock_moved(RETURNED[2:], AT)
    assert (done.status, done.stuck) == (OrderStatus.FAILED, None)
    assert [line.returned is not None for line in done.lines] == [False, True, True]


# --- a person's word


def test_a_word_that_the_doubtful_lines_were_taken_completes_the_order() -> None:
    order = stuck(basket())
    done = by_word(order, OrderStatus.COMPLETED)
    assert (done.status, done.total_price) == (OrderStatus.COMPLETED, 6 * PRICE)
    assert all(line.taken for line in done.lines)
    assert done.decision is not None
    assert done.decision.stuck == order.stuck


def test_a_word_that_no_line_was_taken_fails_the_order_at_once() -> None:
    order = basket()
    marked = order.mark_stuck(Stuck("Who knows.", AT, tuple(OWED), intent_of(order)))
    failed = by_word(marked, OrderStatus.FAILED)
    assert (failed.status, failed.failure) == (OrderStatus.FAILED, Failure(FailureCode.DECIDED))
    assert [str(event.type) for event in failed.new_events] == ["ORDER_FAILED"]


def test_a_word_that_the_doubtful_lines_were_not_taken_gives_the_certain_lines_back_first() -> None:
    order = by_word(stuck(basket()), OrderStatus.FAILED)
    assert (order.status, order.phase) == (OrderStatus.PENDING, OrderPhase.GIVEN_UP)
    assert order.failure == Failure(FailureCode.DECIDED)
    assert (order.stock_changes, order.awaits_stock) == ({ITEM: 3, B: 1}, True)
    assert order.new_events == ()
    assert order.stuck is None


def test_a_word_that_the_doubtful_lines_were_returned_cancels_the_order() -> None:
    done = by_word(stuck(cancelling_basket()), OrderStatus.COMPLETED)
    assert done.status is OrderStatus.CANCELLED
    assert all(line.returned for line in done.lines)


def test_a_word_that_no_line_was_returned_lets_the_order_stand_as_if_not_cancelled() -> None:
    asked = cancelling_basket()
    marked = asked.mark_stuck(Stuck("Who knows.", AT, tuple(OWED), intent_of(asked)))
    order = by_word(marked, OrderStatus.FAILED)
    assert (order.status, order.phase) == (OrderStatus.COMPLETED, OrderPhase.COMPLETED)
    assert order.request_cancel(AT, CALLER).stock_changes == OWED


def test_a_word_that_doubtful_lines_were_not_returned_gives_the_rest_of_a_begun_return_back() -> (
    None
):
    order = by_word(stuck(cancelling_basket()), OrderStatus.FAILED)
    assert (order.phase, order.stuck) == (OrderPhase.CANCELLING, None)
    assert (order.stock_changes, order.awaits_stock) == ({C: 2}, True)
    assert order.stock_moved(RETURNED[:1], AT).status is OrderStatus.CANCELLED


def test_a_word_that_a_given_up_orders_lines_were_returned_fails_the_order() -> None:
    for marked in (stuck(given_up_in_part()), stuck_without_intent(given_up_in_part())):
        failed = by_word(marked, OrderStatus.COMPLETED)
        assert (failed.status, failed.failure) == (OrderStatus.FAILED, Failure(FailureCode.DECIDED))


def test_a_word_that_a_given_up_orders_lines_were_not_returned_tries_the_return_again() -> None:
    order = by_word(stuck(given_up_in_part()), OrderStatus.FAILED)
    assert (order.phase, order.stock_changes) == (OrderPhase.GIVEN_UP, {B: 1})
    assert order.awaits_stock


def test_a_word_cancels_an_order_whose_items_are_gone() -> None:
    done = by_word(stuck_without_intent(cancelling_basket()), OrderStatus.COMPLETED)
    assert (done.status, done.stock_changes) == (OrderStatus.CANCELLED, {})


def test_an_order_some_of_whose_prices_were_never_read_is_not_completed_by_word() -> None:
    marked = basket().mark_stuck(Stuck("Who knows.", AT, (ITEM,)), [TAKEN[0], TAKEN[2]])
    with pytest.raises(IllegalMove):
        by_word(marked, OrderStatus.COMPLETED)


def test_a_line_with_a_price_and_no_move_is_still_to_be_taken() -> None:
    order = pending(lines=[Line(ITEM, 1, unit_price=PRICE), Line(B, 1)])
    assert order.stock_changes == {ITEM: -1, B: -1}
