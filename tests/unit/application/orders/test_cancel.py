"""Cancelling an order: what is stored, and what is answered."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from order_service.application.orders.cancel import CancelOrder, CancelOrderResult
from order_service.application.orders.change import Asked
from order_service.domain.errors import (
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InventoryUnavailable,
    OrderNotFound,
    OutcomeUnknown,
    PreconditionFailed,
    StoreUnavailable,
    VersionConflict,
)
from order_service.domain.hold import Hold
from order_service.domain.marks import Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.lives import ADMIN
from tests.orders import (
    CALLER,
    ITEM,
    completed,
    confirmed,
    expired,
    expiring,
    failed,
    held,
    later,
    moved_at,
    pending,
)
from tests.unit.fakes import FakeClock, FakeOrders

LATER = timedelta(seconds=5)


class Stock:
    """Gives back what it is asked to, unless told otherwise."""

    def __init__(self, orders: FakeOrders, clock: FakeClock) -> None:
        self._orders, self._clock = orders, clock
        self.error: Exception | None = None
        self.available = True
        self.moved: list[Order] = []

    def require_available(self) -> None:
        if not self.available:
            raise InventoryUnavailable("It is left alone.")

    def move(self, order: Order, deadline: float) -> Order:
        if self.error:
            raise self.error
        self.moved.append(order)
        return self._orders.save(moved_at(order, self._clock.now()))


class Shop:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self.stock = Stock(self.orders, self.clock)
        self._cancel = CancelOrder(self.orders, self.stock, self.clock, 7)

    def cancel(self, order_id: str, **asked: Any) -> CancelOrderResult:
        return self._cancel(Asked(order_id, **{"by": CALLER, **asked}))

    def has(self, order: Order) -> Order:
        self.orders.by_id[order.id] = order.saved()
        return order.saved()


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_wish_to_cancel_is_stored_before_the_stock_comes_back(shop: Shop) -> None:
    order = shop.has(completed())
    result = shop.cancel(order.id)
    assert (result.order.status, result.deferred) == (OrderStatus.CANCELLED, False)
    [moved] = shop.stock.moved
    assert moved.cancel_requested_at is not None
    assert moved.version == order.version + 1
    assert shop.orders.by_id[order.id] == result.order


def test_cancelling_an_order_again_moves_no_stock(shop: Shop) -> None:
    order = shop.has(completed())
    first = shop.cancel(order.id)
    assert shop.cancel(order.id) == first
    assert len(shop.stock.moved) == 1


def test_an_order_that_is_not_there_cannot_be_cancelled(shop: Shop) -> None:
    with pytest.raises(OrderNotFound):
        shop.cancel("f" * 24)


def test_another_customers_order_cannot_be_cancelled_and_is_not_found(shop: Shop) -> None:
    order = shop.has(completed(customer_id="one"))
    with pytest.raises(OrderNotFound):
        shop.cancel(order.id, customer_id="another")
    assert shop.cancel(order.id, customer_id="one").order.status is OrderStatus.CANCELLED


@pytest.mark.parametrize("order", [pending(), failed()])
def test_only_a_completed_order_can_be_cancelled(order: Order, shop: Shop) -> None:
    shop.has(order)
    with pytest.raises(IllegalMove):
        shop.cancel(order.id)
    assert shop.stock.moved == []


def test_a_cancellation_of_another_version_than_the_current_one_is_refused(shop: Shop) -> None:
    order = shop.has(completed())
    with pytest.raises(PreconditionFailed) as failed_precondition:
        shop.cancel(order.id, version=order.version + 1)
    assert failed_precondition.value.version == order.version
    assert shop.orders.by_id[order.id] == order
    assert shop.cancel(order.id, version=order.version).order.status is OrderStatus.CANCELLED


def test_no_wish_to_cancel_is_stored_while_the_breaker_is_open(shop: Shop) -> None:
    order = shop.has(completed())
    shop.stock.available = False
    with pytest.raises(InventoryUnavailable):
        shop.cancel(order.id)
    assert shop.orders.by_id[order.id] == order


@pytest.mark.parametrize(
    "error",
    [
        InventoryUnavailable("refused"),
        StoreUnavailable("down"),
        OutcomeUnknown("sent and unanswered", in_flight=True),
    ],
)
def test_a_cancellation_that_fails_after_its_wish_was_stored_is_left_to_settlement(
    error: Exception, shop: Shop
) -> None:
    order = shop.has(completed())
    shop.stock.error = error
    result = shop.cancel(order.id)
    assert (result.order.status, result.deferred) == (OrderStatus.COMPLETED, True)
    assert shop.orders.by_id[order.id].cancel_requested_at is not None
    shop.stock.error = None
    assert shop.cancel(order.id).order.status is OrderStatus.CANCELLED


def test_a_stuck_cancellation_waits_for_evidence(shop: Shop) -> None:
    order = completed()
    asked = order.request_cancel(order.updated_at + LATER, CALLER)
    shop.has(asked.mark_stuck(Stuck("Nobody can tell.", asked.updated_at, (ITEM,))))
    result = shop.cancel(order.id)
    assert (result.order.status, result.deferred) == (OrderStatus.COMPLETED, True)
    assert shop.stock.moved == []


# --- races


def meanwhile(shop: Shop, happen: Callable[[Order], Order]) -> None:
    """Somebody else saves the order just before this one does."""
    save = shop.orders.save

    def beaten(order: Order) -> Order:
        shop.orders.save = save  # type: ignore[method-assign]
        save(happen(shop.orders.by_id[order.id]))
        return save(order)

    shop.orders.save = beaten  # type: ignore[method-assign]


def test_a_caller_who_loses_the_race_to_cancel_goes_on_with_the_winners_wish(shop: Shop) -> None:
    order = shop.has(completed())
    meanwhile(shop, lambda current: current.request_cancel(shop.clock.now(), ADMIN))
    done = shop.cancel(order.id).order
    assert (done.status, done.cancel_requested_by) == (OrderStatus.CANCELLED, ADMIN)
    assert len(shop.stock.moved) == 1


def test_a_caller_who_loses_the_race_to_a_finished_cancellation_moves_no_stock(shop: Shop) -> None:
    order = shop.has(completed())
    now = shop.clock.now()
    meanwhile(shop, lambda current: moved_at(current.request_cancel(now, ADMIN), now))
    result = shop.cancel(order.id)
    assert (result.order.status, result.deferred) == (OrderStatus.CANCELLED, False)
    assert shop.stock.moved == []


def test_a_cancellation_that_loses_to_another_change_is_asked_for_again(shop: Shop) -> None:
    order = shop.has(completed())
    meanwhile(shop, lambda current: current)
    done = shop.cancel(order.id).order
    assert (done.status, done.version) == (OrderStatus.CANCELLED, order.version + 3)


def test_a_cancellation_that_loses_again_and_again_is_a_version_conflict(shop: Shop) -> None:
    order = shop.has(completed())

    def beaten(_: Order) -> Order:
        raise VersionConflict("Somebody was faster.")

    shop.orders.save = beaten  # type: ignore[method-assign]
    with pytest.raises(VersionConflict):
        shop.cancel(order.id)
    assert shop.stock.moved == []


def test_a_cancellation_of_a_version_that_changes_meanwhile_is_refused(shop: Shop) -> None:
    order = shop.has(completed())
    meanwhile(shop, lambda current: current)
    with pytest.raises(PreconditionFailed):
        shop.cancel(order.id, version=order.version)
    assert shop.stock.moved == []


# --- held orders


def test_a_cancelled_hold_gives_its_stock_back_and_was_never_sold(shop: Shop) -> None:
    order = shop.has(held(slot=3))
    done = shop.cancel(order.id).order
    assert (done.status, done.hold) == (OrderStatus.CANCELLED, Hold(60, None, later(62)))
    [asked] = shop.stock.moved
    assert (asked.status, asked.hold) == (OrderStatus.RESERVED, Hold(60, 3, later(62)))
    assert [str(event.type) for event in shop.orders.outbox[order.id]] == ["ORDER_CANCELLED"]


def test_a_hold_that_is_over_can_be_cancelled_before_its_expiry_is_recorded(shop: Shop) -> None:
    order = shop.has(held())
    shop.clock.sleep(10_000_000)
    assert shop.cancel(order.id).order.status is OrderStatus.CANCELLED


def test_an_order_that_was_confirmed_before_the_caller_came_is_cancelled_as_a_sale(
    shop: Shop,
) -> None:
    order = shop.has(confirmed())
    done = shop.cancel(order.id).order
    assert done.status is OrderStatus.CANCELLED
    [event] = shop.orders.outbox[order.id]
    assert (event.type, event.sequence) == ("ORDER_CANCELLED", 3)


def test_a_cancellation_of_a_hold_that_loses_to_a_confirmation_does_not_cancel_the_sale(
    shop: Shop,
) -> None:
    order = shop.has(held())
    meanwhile(shop, lambda current: current.confirm(later(5), CALLER))
    with pytest.raises(HoldConfirmed):
        shop.cancel(order.id)
    assert shop.orders.by_id[order.id].phase is OrderPhase.COMPLETED
    assert shop.stock.moved == []


def test_a_cancellation_of_a_hold_that_loses_to_an_extension_and_then_to_a_confirmation_is_told_so(
    shop: Shop,
) -> None:
    order = shop.has(held())

    def extend_then_confirm(current: Order) -> Order:
        meanwhile(shop, lambda extended: extended.confirm(later(6), CALLER))
        return current.extend(later(99), later(5), CALLER)

    meanwhile(shop, extend_then_confirm)
    with pytest.raises(HoldConfirmed):
        shop.cancel(order.id)
    assert shop.stock.moved == []


def test_a_cancellation_of_a_hold_that_loses_to_its_expiry_is_told_so(shop: Shop) -> None:
    order = shop.has(held())
    meanwhile(shop, lambda current: current.expire(later(62)))
    with pytest.raises(HoldExpired):
        shop.cancel(order.id)
    assert shop.stock.moved == []


@pytest.mark.parametrize("order", [expiring(), expired()])
def test_an_order_whose_expiry_is_recorded_cannot_be_cancelled(order: Order, shop: Shop) -> None:
    shop.has(order)
    with pytest.raises(HoldExpired) as told:
        shop.cancel(order.id)
    assert told.value.order_status == order.status


def test_a_held_order_is_not_cancelled_while_the_breaker_is_open_and_stays_held(
    shop: Shop,
) -> None:
    order = shop.has(held())
    shop.stock.available = False
    with pytest.raises(InventoryUnavailable):
        shop.cancel(order.id)
    assert shop.orders.by_id[order.id].phase is OrderPhase.HELD


# --- the history


def test_an_order_that_an_admin_cancels_says_so_in_both_entries_of_its_history(
    shop: Shop,
) -> None:
    order = shop.has(completed(customer_id="one"))
    shop.cancel(order.id, by=ADMIN)
    entries = [(str(e.event), e.by) for e in shop.orders.history[order.id]]
    assert entries == [("ORDER_CANCEL_REQUESTED", ADMIN), ("ORDER_CANCELLED", ADMIN)]


def test_a_cancellation_that_is_repeated_adds_nothing_to_the_history(shop: Shop) -> None:
    order = shop.has(completed())
    for _ in range(3):
        shop.cancel(order.id)
    assert len(shop.orders.history[order.id]) == 2
