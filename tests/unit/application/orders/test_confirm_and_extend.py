"""Confirming and extending a hold: what is stored, and what each caller is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from order_service.application.orders.change import Asked
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.extend import ExtendHold
from order_service.domain.errors import (
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InvalidValue,
    NotHeld,
    OrderNotFound,
    PreconditionFailed,
    StoreUnavailable,
    VersionConflict,
)
from order_service.domain.history import Actor
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.lives import ADMIN
from tests.orders import (
    CALLER,
    cancelled,
    completed,
    confirmed,
    expired,
    expiring,
    failed,
    held,
    moved_at,
    pending,
)
from tests.unit.fakes import FakeClock, FakeOrders

LONGEST = 900


class Shop:
    """Every order is placed, and its stock taken, when the clock begins."""

    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self.began = self.clock.now()
        self.saves = 0
        self._confirm = ConfirmOrder(self.orders, self.clock)
        self._extend = ExtendHold(self.orders, self.clock, timedelta(seconds=LONGEST))
        self._count_saves()

    def has(self, order: Order) -> Order:
        self.orders.by_id[order.id] = order.saved()
        return order.saved()

    def holds(self, seconds: int = 60, **given: Any) -> Order:
        placed = pending(at=self.began, hold=Hold(seconds, 3), **given)
        return self.has(moved_at(placed, self.began))

    def confirm(self, order_id: str, **asked: Any) -> Order:
        return self._confirm(Asked(order_id, **{"by": CALLER, **asked}))

    def extend(self, order_id: str, seconds: float, **asked: Any) -> Order:
        return self._extend(Asked(order_id, **{"by": CALLER, **asked}), timedelta(seconds=seconds))

    def at(self, seconds: float) -> Any:
        return self.began + timedelta(seconds=seconds)

    def meanwhile(self, *changes: Callable[[Order], Order]) -> None:
        """Somebody else makes these changes just before the next save."""
        save = self.orders.save

        def beaten(order: Order) -> Order:
            self.orders.save = save  # type: ignore[method-assign]
            for change in changes:
                save(change(self.orders.by_id[order.id]))
            return save(order)

        self.orders.save = beaten  # type: ignore[method-assign]

    def _count_saves(self) -> None:
        save_all = self.orders.save_all

        def counted(orders: Any) -> list[Order]:
            self.saves += 1
            return save_all(orders)

        self.orders.save_all = counted  # type: ignore[method-assign]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def confirm_it(order: Order) -> Order:
    return order.confirm(order.updated_at, ADMIN)


def cancel_it(order: Order) -> Order:
    return order.request_cancel(order.updated_at, ADMIN)


def expire_it(order: Order) -> Order:
    return order.expire(order.updated_at + timedelta(days=1))


def extend_it(order: Order) -> Order:
    return order.extend(order.updated_at + timedelta(days=2), order.updated_at, ADMIN)


# --- both

Change = Callable[[Shop, str], Order]
BOTH: dict[str, Any] = {
    "confirm": lambda shop, order_id, **asked: shop.confirm(order_id, **asked),
    "extend": lambda shop, order_id, **asked: shop.extend(order_id, 60, **asked),
}
both = pytest.mark.parametrize("change", BOTH.values(), ids=BOTH)


@both
def test_a_hold_that_is_not_there_cannot_be_changed(change: Any, shop: Shop) -> None:
    with pytest.raises(OrderNotFound):
        change(shop, "f" * 24)


@both
def test_another_customers_hold_cannot_be_changed_and_is_not_found(change: Any, shop: Shop) -> None:
    order = shop.holds(customer_id="one")
    with pytest.raises(OrderNotFound):
        change(shop, order.id, customer_id="another")
    assert shop.orders.by_id[order.id] == order
    assert change(shop, order.id, customer_id="one").version == order.version + 1


@both
def test_an_admin_who_changes_somebodys_hold_is_named_in_its_history(
    change: Any, shop: Shop
) -> None:
    order = shop.holds(customer_id="one")
    change(shop, order.id, by=ADMIN)
    [entry] = shop.orders.history[order.id]
    assert entry.by == ADMIN


@both
def test_a_change_of_another_version_of_a_hold_than_the_current_one_is_refused(
    change: Any, shop: Shop
) -> None:
    order = shop.holds()
    with pytest.raises(PreconditionFailed) as refused:
        change(shop, order.id, version=order.version - 1)
    assert refused.value.version == order.version
    assert shop.orders.by_id[order.id] == order
    assert change(shop, order.id, version=order.version).version == order.version + 1


@both
def test_a_change_of_a_version_that_changes_meanwhile_is_refused(change: Any, shop: Shop) -> None:
    order = shop.holds()
    shop.meanwhile(extend_it)
    with pytest.raises(PreconditionFailed) as refused:
        change(shop, order.id, version=order.version)
    assert refused.value.version == order.version + 1


@both
@pytest.mark.parametrize(
    ("order", "error"),
    [
        (pending(hold=Hold(60)), IllegalMove),
        (failed(), IllegalMove),
        (completed(), NotHeld),
        (cancelled(), NotHeld),
        (held().request_cancel(held().updated_at, CALLER), HoldCancelled),
        (expiring(), HoldExpired),
        (expired(), HoldExpired),
    ],
    ids=["pending", "failed", "never held", "cancelled", "to be cancelled", "expiring", "expired"],
)
def test_an_order_that_is_not_held_is_refused_with_what_the_order_is(
    change: Any, order: Order, error: type[IllegalMove], shop: Shop
) -> None:
    shop.has(order)
    with pytest.raises(IllegalMove) as refused:
        change(shop, order.id)
    assert type(refused.value) is error
    assert refused.value.order_status == order.status
    assert shop.saves == 0


@both
@pytest.mark.parametrize(
    ("faster", "error"),
    [([cancel_it], HoldCancelled), ([expire_it], HoldExpired)],
    ids=["cancellation", "expiry"],
)
def test_who_loses_a_hold_to_somebody_faster_is_told_what_became_of_it(
    change: Any, faster: list[Callable[[Order], Order]], error: type[IllegalMove], shop: Shop
) -> None:
    order = shop.holds()
    shop.meanwhile(*faster)
    with pytest.raises(error):
        change(shop, order.id)
    assert shop.orders.by_id[order.id].version == order.version + 1


@both
def test_who_loses_to_an_extension_of_the_hold_asks_again(change: Any, shop: Shop) -> None:
    order = shop.holds()
    shop.meanwhile(extend_it, extend_it)
    assert change(shop, order.id).version == order.version + 3


@both
def test_who_loses_again_and_again_is_told_of_a_version_conflict(change: Any, shop: Shop) -> None:
    order = shop.holds()

    def beaten(_: Order) -> Order:
        raise VersionConflict("Somebody was faster.")

    shop.orders.save = beaten  # type: ignore[method-assign]
    with pytest.raises(VersionConflict, match="again and again"):
        change(shop, order.id)


@both
def test_a_store_that_goes_away_while_a_hold_is_changed_is_an_error(
    change: Any, shop: Shop
) -> None:
    order = shop.holds()

    def gone(_: Order) -> Order:
        raise StoreUnavailable("down")

    shop.orders.save = gone  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        change(shop, order.id)


# --- confirm


def test_a_confirmation_is_one_save_that_sells_the_order(shop: Shop) -> None:
    order = shop.holds()
    shop.clock.sleep(30)
    done = shop.confirm(order.id)
    assert shop.saves == 1
    assert (done.status, done.held_until) == (OrderStatus.COMPLETED, None)
    assert done.hold == Hold(60, None, shop.at(60), confirmed_at=shop.at(30))
    assert shop.orders.by_id[order.id] == done
    [event] = shop.orders.outbox[order.id]
    assert (event.type, event.sequence, event.occurred_at) == ("ORDER_CREATED", 2, shop.at(30))
    [entry] = shop.orders.history[order.id]
    assert (entry.event, entry.by, entry.at) == ("ORDER_CREATED", CALLER, shop.at(30))


def test_a_confirmation_that_is_repeated_answers_the_sold_order_and_saves_nothing(
    shop: Shop,
) -> None:
    order = shop.holds()
    first = shop.confirm(order.id)
    assert shop.confirm(order.id) == first
    assert shop.confirm(order.id, version=order.version, by=ADMIN) == first
    assert shop.saves == 1


def test_a_hold_that_is_over_can_be_confirmed_until_its_expiry_is_recorded(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(3600)
    assert shop.confirm(order.id).status is OrderStatus.COMPLETED


def test_of_two_who_confirm_a_hold_at_once_both_are_told_that_the_order_is_sold(
    shop: Shop,
) -> None:
    order = shop.holds()
    shop.meanwhile(confirm_it)
    done = shop.confirm(order.id)
    assert (done.status, done.version) == (OrderStatus.COMPLETED, order.version + 1)
    [entry] = shop.orders.history[order.id]
    assert entry.by == ADMIN


def test_a_sold_order_that_is_being_cancelled_cannot_be_confirmed_again(shop: Shop) -> None:
    order = shop.has(confirmed())
    shop.orders.save(cancel_it(order))
    with pytest.raises(HoldCancelled):
        shop.confirm(order.id)


# --- extend


def test_an_extension_counts_from_now(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(30)
    done = shop.extend(order.id, 300)
    assert (done.phase, done.held_until) == (OrderPhase.HELD, shop.at(330))
    assert done.hold == Hold(60, 3, shop.at(330))
    [entry] = shop.orders.history[order.id]
    assert (entry.event, entry.by, entry.expires_at) == ("ORDER_EXTENDED", CALLER, shop.at(330))
    assert shop.orders.outbox[order.id] == []


def test_an_extension_can_make_a_hold_shorter(shop: Shop) -> None:
    order = shop.holds(600)
    assert shop.extend(order.id, 1).held_until == shop.at(1)


def test_a_hold_that_is_over_can_be_extended_until_its_expiry_is_recorded(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(120)
    assert shop.extend(order.id, 60).held_until == shop.at(180)


def test_a_hold_can_be_extended_to_the_longest_time_from_the_orders_creation_and_no_further(
    shop: Shop,
) -> None:
    order = shop.holds(60)
    shop.clock.sleep(100)
    assert shop.extend(order.id, 800).held_until == shop.at(LONGEST)
    with pytest.raises(InvalidValue) as refused:
        shop.extend(order.id, 801)
    assert refused.value.problems == (
        (
            "holdSeconds",
            "an order may be held for 900 s from its creation: at most 800 s from now",
        ),
    )
    assert shop.orders.by_id[order.id].held_until == shop.at(LONGEST)


def test_the_longest_time_counts_from_the_orders_creation_and_not_from_when_it_was_held(
    shop: Shop,
) -> None:
    placed = pending(at=shop.began, hold=Hold(60))
    shop.clock.sleep(50)
    order = shop.has(moved_at(placed, shop.clock.now()))
    assert shop.extend(order.id, 850).held_until == shop.at(900)
    with pytest.raises(InvalidValue):
        shop.extend(order.id, 851)


def test_what_is_left_of_the_longest_time_is_told_in_whole_seconds_that_are_granted(
    shop: Shop,
) -> None:
    order = shop.holds(60)
    shop.clock.sleep(99.4)
    with pytest.raises(InvalidValue, match="at most 800 s from now"):
        shop.extend(order.id, 801)
    assert shop.extend(order.id, 800).held_until == shop.at(899.4)


@pytest.mark.parametrize("past", [-0.5, 0, 1])
def test_a_hold_whose_longest_time_is_over_cannot_be_extended_and_can_still_be_confirmed(
    past: float, shop: Shop
) -> None:
    order = shop.holds(LONGEST)
    shop.clock.sleep(LONGEST + past)
    with pytest.raises(InvalidValue, match="from its creation, which is over"):
        shop.extend(order.id, 1)
    assert shop.confirm(order.id).status is OrderStatus.COMPLETED


def test_who_extends_by_too_much_what_is_not_held_is_told_what_the_order_is(shop: Shop) -> None:
    for order, error in ((expired(), HoldExpired), (confirmed(), HoldConfirmed)):
        shop.has(order)
        with pytest.raises(error):
            shop.extend(order.id, LONGEST * 10)


def test_an_extension_that_loses_to_a_confirmation_is_told_so(shop: Shop) -> None:
    order = shop.holds()
    shop.meanwhile(confirm_it)
    with pytest.raises(HoldConfirmed):
        shop.extend(order.id, 60)


def test_an_extension_that_is_repeated_counts_from_its_own_moment(shop: Shop) -> None:
    order = shop.holds()
    shop.extend(order.id, 60)
    shop.clock.sleep(10)
    assert shop.extend(order.id, 60).held_until == shop.at(70)
    assert len(shop.orders.history[order.id]) == 2


def test_the_subject_of_a_caller_is_the_name_in_the_history_whatever_it_is(shop: Shop) -> None:
    order = shop.holds()
    caller = Actor.caller("expiry")
    shop.extend(order.id, 60, by=caller)
    shop.confirm(order.id, by=caller)
    assert [entry.by for entry in shop.orders.history[order.id]] == [caller, caller]
