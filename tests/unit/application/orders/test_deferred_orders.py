"""An order that was answered before its outcome was known, and what its key answers then."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from order_service.application.orders.create import (
    CreateOrder,
    CreateOrderCommand,
    CreateOrderResult,
    HoldLimits,
)
from order_service.domain.errors import (
    InventoryUnavailable,
    KeyInFlight,
    OutcomeUnknown,
    StoreUnavailable,
)
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode, IdempotencyKey
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.unit.fakes import ITEM, FakeClock, FakeOrders

KEY = IdempotencyKey("somebody", "a key", "a fingerprint")
UNKNOWN = OutcomeUnknown("sent and unanswered", in_flight=True)


class Stock:
    """Each move first lets something happen, then fails."""

    def __init__(self, error: Exception, happening: Any = lambda order: None) -> None:
        self._error = error
        self._happening = happening

    def require_available(self) -> None:
        return

    def move(self, order: Order, deadline: float) -> Order:
        self._happening(order)
        raise self._error


class Shop:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()

    def create(self, stock: Stock, key: IdempotencyKey | None = KEY) -> CreateOrderResult:
        create = CreateOrder(
            self.orders, stock, self.clock, 7, timedelta(days=1), HoldLimits(900, 2)
        )
        return create(CreateOrderCommand([Line(ITEM, 1)], idempotency=key))

    def abandon(self, order: Order) -> None:
        """As settlement does."""
        current = self.orders.by_id[order.id]
        self.orders.save(current.fail(Failure(FailureCode.ABANDONED), self.clock.now()))

    def lose_the_store(self, order: Order) -> None:
        def save(_: Order) -> Order:
            raise StoreUnavailable("down")

        self.orders.save = save  # type: ignore[method-assign]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_key_of_a_deferred_order_that_came_to_nothing_still_answers_with_that_order(
    shop: Shop,
) -> None:
    first = shop.create(Stock(UNKNOWN))
    shop.abandon(first.order)
    again = shop.create(Stock(UNKNOWN))
    assert (again.order.id, again.replayed, again.deferred) == (first.order.id, True, True)
    assert again.order.status is OrderStatus.FAILED


def test_a_key_is_in_flight_while_the_store_can_not_be_told_that_its_order_is_deferred(
    shop: Shop,
) -> None:
    with pytest.raises(KeyInFlight):
        shop.create(Stock(UNKNOWN, shop.lose_the_store))


def test_an_order_without_a_key_is_deferred_also_when_the_store_is_gone(shop: Shop) -> None:
    result = shop.create(Stock(UNKNOWN, shop.lose_the_store), key=None)
    assert result.deferred
    assert result.order.status is OrderStatus.PENDING


@pytest.mark.parametrize("error", [UNKNOWN, InventoryUnavailable("refused")])
def test_an_order_that_settlement_failed_meanwhile_is_refused_and_its_key_is_free(
    shop: Shop, error: Exception
) -> None:
    with pytest.raises(InventoryUnavailable):
        shop.create(Stock(error, shop.abandon))
    assert [order.idempotency for order in shop.orders.by_id.values()] == [None]


@pytest.mark.parametrize("error", [UNKNOWN, InventoryUnavailable("refused")])
def test_an_order_that_somebody_else_took_over_is_deferred_at_its_newer_version(
    shop: Shop, error: Exception
) -> None:
    def claim(order: Order) -> None:
        shop.orders.save(replace(order))

    result = shop.create(Stock(error, claim))
    assert result.deferred
    assert shop.orders.by_id[result.order.id].deferred
