"""What one overwrite can serve, and what the evidence says of one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from order_service.domain.order import Order
from order_service.domain.stock import StockReading, Verdict, judge, plan_overwrite
from tests.orders import PRICE, START, cancelling, completed, intent_of, pending


def reading(stock: int) -> StockReading:
    return StockReading(stock, PRICE)


def ids(*orders: Order) -> list[str]:
    return [order.id for order in orders]


def test_all_orders_that_fit_the_stock_share_one_overwrite() -> None:
    orders = [pending(quantity=n) for n in (2, 3)]
    plan = plan_overwrite(reading(10), orders, START)
    assert plan.intent is not None
    assert (plan.intent.previous_stock, plan.intent.new_stock) == (10, 5)
    assert (plan.intent.unit_price, plan.intent.recorded_at) == (PRICE, START)
    assert list(plan.intent.order_ids) == ids(*orders) == ids(*plan.served)
    assert plan.refused == ()


def test_the_first_order_is_served_first_and_a_smaller_later_one_still_fits() -> None:
    first, too_large, small = (pending(quantity=n) for n in (6, 5, 4))
    plan = plan_overwrite(reading(10), [first, too_large, small], START)
    assert ids(*plan.served) == ids(first, small)
    assert plan.refused == ((too_large, 4),)
    assert plan.intent is not None
    assert plan.intent.new_stock == 0


def test_no_overwrite_is_planned_where_no_order_fits_the_stock() -> None:
    order = pending(quantity=1)
    plan = plan_overwrite(reading(0), [order], START)
    assert (plan.intent, plan.served, plan.refused) == (None, (), ((order, 0),))


def test_stock_that_a_cancellation_gives_back_can_be_taken_in_the_same_overwrite() -> None:
    returning, taking = cancelling(quantity=3), pending(quantity=3)
    plan = plan_overwrite(reading(0), [returning, taking], START)
    assert ids(*plan.served) == ids(returning, taking)
    assert plan.intent is not None
    assert (plan.intent.previous_stock, plan.intent.new_stock) == (0, 0)


@pytest.mark.parametrize(
    ("stock", "verdict"),
    [(7, Verdict.APPLIED), (10, Verdict.NOT_APPLIED), (50, Verdict.UNDECIDED)],
)
def test_the_stock_tells_whether_an_overwrite_was_applied(stock: int, verdict: Verdict) -> None:
    order = pending(quantity=3)
    assert judge(intent_of(order), [order], stock) is verdict


def test_a_settled_order_of_an_intent_proves_that_its_overwrite_was_applied() -> None:
    order, done = pending(), completed()
    intent = replace(intent_of(order), order_ids=(order.id, done.id))
    assert judge(intent, [order, done], 50) is Verdict.APPLIED


def test_a_reading_after_an_operation_tells_the_move_that_led_to_it() -> None:
    move = StockReading(7, Decimal(1)).after(-3, START)
    assert (move.previous_stock, move.new_stock, move.at) == (10, 7, START)
