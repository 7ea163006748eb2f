"""What the overwrites of one commit can serve, and what the evidence says of one overwrite."""

from dataclasses import replace
from decimal import Decimal

import pytest

from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage
from order_service.domain.moves import MovedLine, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.domain.stock import (
    Plan,
    StockReading,
    Verdict,
    judge,
    plan_overwrites,
)
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
    intent_of,
    later,
    pending,
    stuck,
)

B, C = "b" * 24, "c" * 24
LINES = basket().lines


def reading(stock: int) -> StockReading:
    return StockReading(stock, PRICE)


def planned(orders: list[Order], **stocks: int | None) -> Plan:
    """``stocks``: of the items by the letter that they are made of."""
    readings = {
        letter * 24: None if stock is None else reading(stock) for letter, stock in stocks.items()
    }
    return plan_overwrites(readings, orders, START)


def overwrites(plan: Plan) -> list[tuple[str, int, int]]:
    assert plan.intent is not None
    return [
        (each.item_id[0], each.previous_stock, each.new_stock) for each in plan.intent.overwrites
    ]


def ids(*orders: Order) -> list[str]:
    return [order.id for order in orders]


# --- planning


def test_all_orders_that_fit_the_stock_share_one_overwrite() -> None:
    orders = [pending(quantity=n) for n in (2, 3)]
    plan = planned(orders, a=10)
    assert plan.intent is not None
    assert plan.intent.overwrites == (Overwrite(ITEM, 10, 5, PRICE),)
    assert (plan.intent.recorded_at, plan.intent.abandons, plan.intent.fence) == (START, False, 0)
    assert list(plan.intent.order_ids) == ids(*orders) == ids(*plan.served)
    assert plan.refused == ()


def test_the_first_order_is_served_first_and_a_smaller_later_one_still_fits() -> None:
    first, too_large, small = (pending(quantity=n) for n in (6, 5, 4))
    plan = planned([first, too_large, small], a=10)
    assert ids(*plan.served) == ids(first, small)
    assert plan.refused == ((too_large, (Shortage(ITEM, 4),)),)
    assert overwrites(plan) == [("a", 10, 0)]


def test_no_overwrite_is_planned_where_no_order_fits_the_stock() -> None:
    order = pending(quantity=1)
    plan = planned([order], a=0)
    refused = ((order, (Shortage(ITEM, 0),)),)
    assert (plan.intent, plan.served, plan.refused) == (None, (), refused)


def test_stock_that_a_cancellation_gives_back_can_be_taken_in_the_same_overwrite() -> None:
    returning, taking = cancelling(quantity=3), pending(quantity=3)
    plan = planned([returning, taking], a=0)
    assert ids(*plan.served) == ids(returning, taking)
    assert overwrites(plan) == [("a", 0, 0)]
    assert plan.intent is not None
    assert [each.changes_stock for each in plan.intent.overwrites] == [False]


def test_an_order_of_several_lines_takes_all_of_them_in_one_intent_with_each_items_price() -> None:
    order = basket()
    prices = {ITEM: Decimal("1.00"), B: Decimal("2.00"), C: Decimal("3.00")}
    readings = {item: StockReading(10, price) for item, price in prices.items()}
    plan = plan_overwrites(readings, [order], START)
    assert overwrites(plan) == [("a", 10, 7), ("b", 10, 9), ("c", 10, 8)]
    assert plan.intent is not None
    assert {each.item_id: each.unit_price for each in plan.intent.overwrites} == prices


def test_an_order_that_does_not_fit_whole_takes_nothing_and_every_short_line_is_named() -> None:
    order = basket()
    plan = planned([order], a=2, b=5, c=1)
    assert plan.intent is None
    assert plan.refused == ((order, (Shortage(C, 1), Shortage(ITEM, 2))),)


def test_an_order_that_does_not_fit_whole_leaves_all_its_items_to_the_orders_behind_it() -> None:
    # The first has its A and its B, but no C.
    large = pending(lines=[Line(ITEM, 8), Line(B, 8), Line(C, 2)])
    small = pending(lines=[Line(C, 1), Line(B, 10), Line(ITEM, 10)])
    plan = planned([large, small], a=10, b=10, c=1)
    assert ids(*plan.served) == ids(small)
    assert plan.refused == ((large, (Shortage(C, 1),)),)
    assert overwrites(plan) == [("a", 10, 0), ("b", 10, 0), ("c", 1, 0)]


def test_a_shortage_names_what_the_orders_before_have_left() -> None:
    first, second = (pending(lines=[Line(ITEM, 4), Line(B, 4)]) for _ in range(2))
    plan = planned([first, second], a=7, b=4)
    assert plan.refused == ((second, (Shortage(ITEM, 3), Shortage(B, 0))),)


def test_an_order_of_items_that_are_not_there_is_refused_with_those_that_are_short() -> None:
    order = basket()
    plan = planned([order], a=2, b=None, c=10)
    assert plan.refused == ((order, (Shortage(ITEM, 2), Shortage(B, None))),)


def test_a_stock_below_nothing_is_told_as_nothing() -> None:
    order = pending(quantity=1)
    assert planned([order], a=-5).refused == ((order, (Shortage(ITEM, 0),)),)


def test_an_item_that_is_not_there_keeps_a_cancellation_from_giving_back_no_other_item() -> None:
    order = cancelling(lines=LINES)
    plan = planned([order], a=0, b=None, c=4)
    assert ids(*plan.served) == ids(order)
    assert overwrites(plan) == [("a", 0, 3), ("c", 4, 6)]


def test_a_cancellation_none_of_whose_items_is_there_is_refused_with_all_of_them() -> None:
    order = cancelling(lines=LINES)
    plan = planned([order], a=None, b=None, c=None)
    assert plan.refused == ((order, (Shortage(C, None), Shortage(ITEM, None), Shortage(B, None))),)


def test_a_given_up_order_gives_back_what_it_took_and_its_other_items_are_left_alone() -> None:
    order, taking = given_up_in_part(), pending(item_id=ITEM, quantity=1)
    plan = planned([order], a=5, b=5)
    assert overwrites(plan) == [("a", 5, 8), ("b", 5, 6)]
    plan = planned([order, taking], a=5, b=None)
    assert overwrites(plan) == [("a", 5, 7)]


# --- judging


@pytest.mark.parametrize(
    ("stock", "verdict"),
    [
        (7, Verdict.APPLIED),
        (10, Verdict.NOT_APPLIED),
        (50, Verdict.UNDECIDED),
        (None, Verdict.UNDECIDED),
    ],
)
def test_the_stock_tells_whether_an_overwrite_was_applied(
    stock: int | None, verdict: Verdict
) -> None:
    order = pending(quantity=3)
    [moved] = intent_of(order).moved
    assert judge(moved, [order], stock) is verdict


@pytest.mark.parametrize("stock", [10, 50, None])
def test_a_settled_order_of_an_intent_proves_that_its_overwrite_was_applied(
    stock: int | None,
) -> None:
    order, done = pending(), completed()
    intent = replace(intent_of(order), order_ids=(order.id, done.id))
    assert judge(intent.moved[0], [order, done], stock) is Verdict.APPLIED


@pytest.mark.parametrize("done", [completed(), cancelled(), held(), confirmed(), expired()])
def test_an_order_that_other_moves_ended_does_not_prove_that_an_overwrite_was_applied(
    done: Order,
) -> None:
    order = pending(quantity=3)
    [moved] = intent_of(order, 20).moved
    assert judge(moved, [order, done], 50) is Verdict.UNDECIDED
    assert judge(moved, [order, done], 20) is Verdict.NOT_APPLIED


@pytest.mark.parametrize("done", [completed(), cancelled()])
def test_an_order_that_was_done_before_moves_were_recorded_proves_an_overwrite(
    done: Order,
) -> None:
    order = pending(quantity=3)
    [moved] = intent_of(order, 20).moved
    of_old = replace(done, lines=tuple(Line(each.item_id, each.quantity) for each in done.lines))
    assert judge(moved, [order, of_old], 50) is Verdict.APPLIED


@pytest.mark.parametrize("code", FailureCode)
def test_a_failed_order_of_an_intent_proves_nothing(code: FailureCode) -> None:
    order = pending(quantity=3)
    [moved] = intent_of(order).moved
    assert judge(moved, [order, failed(code)], 10) is Verdict.NOT_APPLIED
    assert judge(moved, [order, failed(code)], 50) is Verdict.UNDECIDED


def test_a_person_who_fails_one_order_of_an_intent_says_nothing_of_the_intents_overwrites() -> None:
    order, marked = pending(quantity=3), stuck(quantity=3)
    [moved] = intent_of(order).moved
    decided = marked.decide(Decision(OrderStatus.FAILED, "I counted.", later(9)))
    assert decided.failure == Failure(FailureCode.DECIDED)
    assert judge(moved, [order, decided], 50) is Verdict.UNDECIDED
    assert judge(moved, [order, decided], 10) is Verdict.NOT_APPLIED


def test_a_person_who_completes_one_order_of_an_intent_says_that_its_overwrites_were_made() -> None:
    order, marked = pending(quantity=3), stuck(quantity=3)
    done = marked.decide(Decision(OrderStatus.COMPLETED, "I counted.", later(9)))
    assert done.lines[0].taken is not None
    moved = MovedLine(ITEM, PRICE, done.lines[0].taken)
    assert judge(moved, [order, done], 10) is Verdict.APPLIED


@pytest.mark.parametrize(
    "waiting", [expiring(), cancelling(), held().request_cancel(later(5), CALLER)]
)
def test_an_order_whose_goods_are_to_go_back_proves_nothing_of_the_overwrite_that_gives_them_back(
    waiting: Order,
) -> None:
    [moved] = intent_of(waiting, previous=7).moved
    assert judge(moved, [waiting], 7) is Verdict.NOT_APPLIED
    assert judge(moved, [waiting], 50) is Verdict.UNDECIDED


def test_an_order_that_is_held_again_by_word_proves_nothing_of_the_return_that_was_in_doubt() -> (
    None
):
    asked = held().request_cancel(later(5), CALLER)
    [moved] = intent_of(asked, previous=7).moved
    again = stuck(asked).decide(Decision(OrderStatus.FAILED, "I counted.", later(9)))
    assert again.phase is OrderPhase.HELD
    assert judge(moved, [again], 50) is Verdict.UNDECIDED


def test_each_overwrite_of_an_intent_is_judged_by_itself() -> None:
    order = basket()
    moved = {each.item_id: each for each in intent_of(order).moved}
    assert judge(moved[ITEM], [order], 7) is Verdict.APPLIED
    assert judge(moved[B], [order], 10) is Verdict.NOT_APPLIED
    assert judge(moved[C], [order], 3) is Verdict.UNDECIDED


def test_a_stuck_order_proves_the_overwrites_of_its_certain_lines_and_of_no_other() -> None:
    marked = stuck(basket())
    assert marked.stuck is not None
    assert marked.stuck.intent is not None
    verdicts = {m.item_id: judge(m, [marked], 50) for m in marked.stuck.intent.moved}
    assert verdicts == {
        ITEM: Verdict.APPLIED,
        B: Verdict.APPLIED,
        C: Verdict.UNDECIDED,
    }


def test_a_reading_after_an_operation_tells_the_move_that_led_to_it() -> None:
    moved = StockReading(7, Decimal(1)).after(ITEM, -3, START)
    assert moved == MovedLine(ITEM, Decimal(1), StockMove(10, 7, START))
