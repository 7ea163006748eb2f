"""What an order keeps of the changes of stock that served it, and of a person's word."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from order_service.application.stock.leased import LeasedStock
from order_service.application.stock.operations import OperationStock
from order_service.domain.errors import IllegalMove, InvalidValue
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, FailureCode, Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import (
    CALLER,
    PRICE,
    cancelling,
    completed,
    decided,
    failed,
    intent_of,
    later,
    pending,
    stuck,
)
from tests.unit.fakes import (
    ITEM,
    FakeChanges,
    FakeClock,
    FakeInventory,
    FakeLeases,
    FakeOrders,
    FakeTurns,
    InlineExecutor,
)


class Shop:
    """An order book, an inventory with a stock of 10, and what moves stock between them."""

    def __init__(self, contract: str) -> None:
        self.clock, self.orders, self.executor = FakeClock(), FakeOrders(), InlineExecutor()
        self.inventory = FakeInventory(10, self.clock)
        self.mover: Any = self._leased() if contract == "absolute" else self._operations()

    def _leased(self) -> LeasedStock:
        return LeasedStock(
            self.inventory,
            FakeLeases(self.clock),
            self.orders,
            FakeChanges(self.inventory),
            FakeTurns(),
            self.clock,
            self.executor,
            self.executor,
            lease_seconds=10,
        )

    def _operations(self) -> OperationStock:
        return OperationStock(self.inventory, self.orders, self.clock, self.executor, self.executor)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def place(self, quantity: int) -> Order:
        order_id = self.orders.next_id()
        order = Order.place(id=order_id, lines=[Line(ITEM, quantity)], at=self.now)
        return self.orders.add(order)

    def move(self, order: Order) -> Order:
        moved: Order = self.mover.move(order, self.clock.monotonic() + 5)
        return moved


@pytest.fixture(params=["absolute", "conditional"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return Shop(request.param)


def stocks(order: Order) -> list[tuple[int, int]]:
    [line] = order.lines
    moves = [move for move in (line.taken, line.returned) if move]
    return [(move.previous_stock, move.new_stock) for move in moves]


def test_an_order_keeps_the_change_that_took_its_stock(shop: Shop) -> None:
    order = shop.move(shop.place(3))
    assert stocks(order) == [(10, 7)]
    assert shop.inventory.changes == [(ITEM, 10, 7)]
    assert shop.orders.by_id[order.id] == order


def test_a_cancelled_order_keeps_both_its_stock_changes(shop: Shop) -> None:
    order = shop.move(shop.place(3))
    shop.move(shop.place(2))
    asked = shop.orders.save(order.request_cancel(shop.now, CALLER))
    assert stocks(shop.move(asked)) == [(10, 7), (5, 8)]


def test_a_refused_order_has_no_stock_change(shop: Shop) -> None:
    assert stocks(shop.move(shop.place(11))) == []


def test_an_order_that_was_taken_and_given_back_keeps_both_its_stock_changes() -> None:
    shop = Shop("conditional")
    order = shop.place(3)
    shop.inventory.deduct(ITEM, 3, order.id)
    shop.inventory.deduct(ITEM, 1, "somebody else's")
    reverted = shop.mover.recover(order, 5)
    assert reverted.failure == Failure(FailureCode.ABANDONED)
    assert stocks(reverted) == [(10, 7), (6, 9)]


# --- a person's word


def test_a_stuck_order_is_completed_at_the_price_and_by_the_change_that_was_intended() -> None:
    order = stuck()
    done = order.decide(Decision(OrderStatus.COMPLETED, "I counted.", later(9)))
    assert order.stuck is not None
    assert order.stuck.intent is not None
    assert (done.status, done.total_price) == (OrderStatus.COMPLETED, PRICE * 3)
    assert [line.taken for line in done.lines] == [m.move for m in order.stuck.intent.moved]
    assert done.settled_at == done.updated_at == later(9)
    assert [str(event.type) for event in done.new_events] == ["ORDER_CREATED"]


def test_a_stuck_order_can_be_failed_by_word() -> None:
    done = stuck().decide(Decision(OrderStatus.FAILED, "I counted.", later(9)))
    assert done.failure == Failure(FailureCode.DECIDED)
    assert done.lines[0].taken is None
    assert [str(event.type) for event in done.new_events] == ["ORDER_FAILED"]


def test_a_stuck_cancellation_whose_stock_came_back_is_cancelled_by_word() -> None:
    asked = cancelling()
    order = asked.mark_stuck(Stuck("Who knows.", later(7), (ITEM,), intent_of(asked, 7)))
    done = order.decide(Decision(OrderStatus.COMPLETED, "I counted.", later(9)))
    assert done.status is OrderStatus.CANCELLED
    assert stocks(done) == [(10, 7), (7, 10)]


def test_a_stuck_cancellation_that_moved_no_stock_leaves_the_order_completed_by_word() -> None:
    order = cancelling().mark_stuck(Stuck("No such item.", later(7), (ITEM,)))
    done = order.decide(Decision(OrderStatus.FAILED, "I counted.", later(9)))
    assert (done.status, done.stock_changes, done.stuck) == (OrderStatus.COMPLETED, {}, None)
    asked_again = done.request_cancel(later(10), CALLER)
    assert asked_again.awaits_stock


@pytest.mark.parametrize("outcome", [OrderStatus.COMPLETED, OrderStatus.FAILED])
def test_a_persons_decision_and_what_it_was_about_stay_on_the_order(outcome: OrderStatus) -> None:
    order = decided(outcome)
    assert order.decision is not None
    assert (order.decision.outcome, order.decision.reason) == (outcome, "I looked.")
    assert order.decision.stuck is not None
    assert order.decision.stuck.reason == "Nobody can tell."
    assert order.stuck is None


@pytest.mark.parametrize(
    "order", [pending(), completed(), failed(), cancelling()], ids=lambda order: str(order.status)
)
def test_only_a_stuck_order_can_be_decided_by_word(order: Order) -> None:
    with pytest.raises(IllegalMove):
        order.decide(Decision(OrderStatus.COMPLETED, "I counted.", later(9)))


@pytest.mark.parametrize("outcome", [OrderStatus.PENDING, OrderStatus.CANCELLED])
def test_a_persons_decision_is_completed_or_failed_and_nothing_else(outcome: OrderStatus) -> None:
    with pytest.raises(InvalidValue):
        stuck().decide(Decision(outcome, "I counted.", later(9)))


def test_a_persons_decision_needs_a_reason() -> None:
    with pytest.raises(InvalidValue):
        stuck().decide(Decision(OrderStatus.FAILED, " ", later(9)))


def test_an_order_whose_price_was_never_read_is_not_completed_by_word() -> None:
    order = pending().mark_stuck(Stuck("Nobody can tell.", later(3), (ITEM,)))
    with pytest.raises(IllegalMove):
        order.decide(Decision(OrderStatus.COMPLETED, "I counted.", later(3) + timedelta(1)))
