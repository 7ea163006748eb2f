"""An order as its first answer showed it."""

import pytest

from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import (
    CALLER,
    cancelled,
    cancelling,
    completed,
    confirmed,
    expired,
    expiring,
    held,
    later,
    moved_at,
)

HELD = held(slot=3)
CHANGED = {
    "extended": HELD.extend(later(100), later(3), CALLER),
    "confirmed": confirmed(slot=3),
    "confirmed and cancelled": confirmed(slot=3).request_cancel(later(5), CALLER),
    "to be cancelled": HELD.request_cancel(later(5), CALLER),
    "cancelled": moved_at(HELD.request_cancel(later(5), CALLER), later(6)),
    "expiring": expiring(slot=3),
    "expired": expired(slot=3),
}


@pytest.mark.parametrize("order", CHANGED.values(), ids=CHANGED.keys())
def test_an_order_that_was_held_is_as_first_answered_held_until_its_first_end(order: Order) -> None:
    shown = order.as_first_answered()
    assert (shown.status, shown.held_until) == (OrderStatus.RESERVED, HELD.held_until)
    assert (shown.updated_at, shown.total_price) == (HELD.updated_at, HELD.total_price)


@pytest.mark.parametrize("order", [*CHANGED.values(), cancelling(), cancelled()])
def test_a_first_answer_that_the_order_has_left_behind_is_no_version_of_the_order(
    order: Order,
) -> None:
    assert order.saved().version == 1
    assert order.saved().as_first_answered().version == 0


@pytest.mark.parametrize("order", [HELD, held(), completed()])
def test_a_first_answer_that_is_still_so_has_the_orders_version(order: Order) -> None:
    assert order.saved().as_first_answered() == order.saved()
