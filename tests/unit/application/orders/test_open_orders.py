"""Listing the orders that wait too long."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from order_service.application.orders.list_open import ListOpenOrders, OpenOrders
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from tests.orders import CALLER, moved_at, pending, stuck_without_intent
from tests.unit.fakes import FakeClock, FakeOrders


class Shop:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self._list = ListOpenOrders(self.orders, self.clock, timedelta(seconds=12))

    def places(self) -> Order:
        return self.orders.add(pending(at=self.clock.now()))

    def holds(self, seconds: int = 60) -> Order:
        now = self.clock.now()
        return self.orders.add(moved_at(pending(at=now, hold=Hold(seconds)), now))

    def open(self, limit: int = 10) -> OpenOrders:
        return self._list(limit)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_an_order_is_overdue_once_settlement_should_have_taken_it_up(shop: Shop) -> None:
    order = shop.places()
    shop.clock.sleep(12)
    assert shop.open().overdue == []
    shop.clock.sleep(0.001)
    found = shop.open()
    assert (found.overdue, found.stuck, found.holds) == ([order], [], [])
    assert found.now == shop.clock.now()


def test_a_stuck_order_is_listed_as_stuck_alone(shop: Shop) -> None:
    order = shop.orders.save(stuck_without_intent(shop.places()))
    shop.clock.sleep(20)
    found = shop.open()
    assert (found.stuck, found.overdue) == ([order], [])


def test_a_hold_is_listed_once_it_has_been_over_for_as_long_as_settlement_waits(
    shop: Shop,
) -> None:
    order = shop.holds(60)
    shop.clock.sleep(71.999)
    assert shop.open().holds == []
    shop.clock.sleep(0.001)
    assert shop.open().holds == [order]
    assert shop.open().overdue == []


@pytest.mark.parametrize(
    "change",
    [
        lambda order, shop: order.confirm(shop.clock.now(), CALLER),
        lambda order, shop: order.extend(
            shop.clock.now() + timedelta(seconds=60), shop.clock.now(), CALLER
        ),
        lambda order, shop: order.expire(shop.clock.now()),
        lambda order, shop: order.request_cancel(shop.clock.now(), CALLER),
    ],
    ids=["confirmed", "extended", "expiring", "to be cancelled"],
)
def test_a_hold_that_somebody_has_seen_to_is_not_listed_as_over(
    change: Callable[[Order, Shop], Order], shop: Shop
) -> None:
    order = shop.holds(60)
    shop.clock.sleep(100)
    shop.orders.save(change(order, shop))
    assert shop.open().holds == []


def test_an_expiry_whose_goods_are_not_back_in_time_is_overdue(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(60)
    expiring = shop.orders.save(order.expire(shop.clock.now()))
    shop.clock.sleep(13)
    assert shop.open().overdue == [expiring]


def test_the_list_of_open_orders_says_when_there_are_more_of_a_kind(shop: Shop) -> None:
    holds = [shop.holds(60), shop.holds(61)]
    shop.clock.sleep(100)
    assert shop.open(3).more is False
    found = shop.open(2)
    assert (found.holds, found.more) == (holds, True)
    assert shop.open(1).holds == holds[:1]
