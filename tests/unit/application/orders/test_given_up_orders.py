"""Settlement gives an order back while its creator is still on the way (conditional contract)."""

from collections.abc import Callable
from typing import Any

import pytest

from order_service.application.stock.operations import OperationStock
from order_service.domain.errors import IllegalMove, OrderServiceError
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import intent_of, later, pending
from tests.unit.fakes import ITEM, FakeClock, FakeInventory, FakeOrders, InlineExecutor


class Interrupted:
    """An inventory or repository at whose named method somebody else goes on first, once."""

    def __init__(self, port: Any, method: str, meanwhile: Any) -> None:
        self._port, self._method, self._meanwhile = port, method, [meanwhile]

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._meanwhile:
            self._meanwhile.pop()()
        return getattr(self._port, name)


class Shop:
    def __init__(self) -> None:
        self.clock, self.orders = FakeClock(), FakeOrders()
        self.inventory = FakeInventory(10, self.clock)

    def mover(self, inventory: Any = None, orders: Any = None) -> OperationStock:
        executor = InlineExecutor()
        return OperationStock(
            inventory or self.inventory, orders or self.orders, self.clock, executor, executor
        )

    def stands(self, order: Order) -> Order:
        return self.orders.by_id[order.id]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("step", ["deduct", "restore"])
def test_a_creator_that_is_late_does_not_complete_an_order_that_is_being_given_back(
    shop: Shop, step: str
) -> None:
    order = shop.orders.add(pending(item_id=ITEM))

    def creator_goes_on() -> None:
        assert shop.mover().move(order, 60).status is OrderStatus.PENDING

    shop.mover(Interrupted(shop.inventory, step, creator_goes_on)).recover(order, 60)
    assert shop.stands(order).status is OrderStatus.FAILED
    assert shop.inventory.stock[ITEM] == 10


def test_an_order_that_its_creator_completed_first_is_not_given_back(shop: Shop) -> None:
    order = shop.orders.add(pending(item_id=ITEM))
    shop.mover().move(order, 60)
    with pytest.raises(OrderServiceError):
        shop.mover().recover(order, 60)
    assert shop.stands(order).status is OrderStatus.COMPLETED
    assert shop.inventory.stock[ITEM] == 10 - order.lines[0].quantity


def test_a_creator_whose_order_was_claimed_does_not_refuse_what_the_claim_may_carry_out(
    shop: Shop,
) -> None:
    order = shop.orders.add(pending(item_id=ITEM))
    shop.inventory.stock[ITEM] = 0

    def settlement_claims_after_a_restock() -> None:
        shop.orders.save(order.defer(later(1)))
        shop.inventory.stock[ITEM] = 10
        shop.mover().recover(shop.stands(order), 60)

    orders = Interrupted(shop.orders, "save", settlement_claims_after_a_restock)
    shop.mover(orders=orders).move(order, 60)
    assert shop.stands(order).status is OrderStatus.COMPLETED
    assert shop.inventory.stock[ITEM] == 10 - order.lines[0].quantity


def test_a_settlement_that_died_on_the_way_is_taken_up_by_the_next_settlement(shop: Shop) -> None:
    order = shop.orders.add(pending(item_id=ITEM))

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.mover(Interrupted(shop.inventory, "restore", die)).recover(order, 60)
    assert shop.inventory.stock[ITEM] == 10 - order.lines[0].quantity
    shop.mover().recover(shop.stands(order), 60)
    assert shop.stands(order).status is OrderStatus.FAILED
    assert shop.inventory.stock[ITEM] == 10


@pytest.mark.parametrize("move", ["moved_at", "defer", "give_up"])
def test_a_given_up_order_can_only_fail(move: str) -> None:
    order = pending().give_up(later(1))
    moves: dict[str, Callable[[], Order]] = {
        "moved_at": lambda: order.stock_moved(intent_of(pending()).moved, later(2)),
        "defer": lambda: order.defer(later(2)),
        "give_up": lambda: order.give_up(later(2)),
    }
    with pytest.raises(IllegalMove):
        moves[move]()
