"""Taking an order that is to be held: how long, how many, and what a repeated key answers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from order_service.application.orders.create import (
    CreateOrder,
    CreateOrderCommand,
    CreateOrderResult,
    HoldLimits,
)
from order_service.domain.errors import (
    InsufficientStock,
    InvalidValue,
    InventoryUnavailable,
    KeyInFlight,
    KeyReused,
    OutcomeUnknown,
    TooManyHolds,
)
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode, IdempotencyKey, Shortage
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.orders import CALLER, moved_at
from tests.unit.fakes import ITEM, FakeClock, FakeOrders

KEY = IdempotencyKey("somebody", "a key", "a fingerprint")
LIFETIME = timedelta(hours=24)
LONGEST, MOST = 900, 3
SHORT = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 0),))


class Stock:
    """Takes the stock, unless told otherwise."""

    def __init__(self, orders: FakeOrders, clock: FakeClock) -> None:
        self._orders, self._clock = orders, clock
        self.act: Callable[[Order], Order] = lambda order: moved_at(order, clock.now())
        self.asked = 0

    def require_available(self) -> None:
        return

    def move(self, order: Order, deadline: float) -> Order:
        self.asked += 1
        return self._orders.save(self.act(order))


class Shop:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self.stock = Stock(self.orders, self.clock)
        self.most = MOST

    def create(
        self,
        seconds: int | None = 60,
        customer_id: str | None = "somebody",
        key: IdempotencyKey | None = None,
    ) -> CreateOrderResult:
        limits = HoldLimits(LONGEST, self.most)
        create = CreateOrder(self.orders, self.stock, self.clock, 7, LIFETIME, limits)
        lines = [Line(ITEM, 1)]
        return create(CreateOrderCommand(lines, customer_id, hold_seconds=seconds, idempotency=key))

    def fill(self) -> list[Order]:
        """Hold as many orders as one customer may."""
        return [self.create().order for _ in range(self.most)]

    def settle(self, order: Order, *changes: Callable[[Order], Order]) -> None:
        """As somebody else does it later on."""
        for change in changes:
            self.orders.save(change(self.orders.by_id[order.id]))

    def beaten_to_slots(self, times: int) -> None:
        """That often another order of the customer takes the very slot first."""
        add, left = self.orders.add, [None] * times

        def beaten(order: Order) -> Order:
            if left:
                left.pop()
                add(replace(order, id=self.orders.next_id(), idempotency=None))
            return add(order)

        self.orders.add = beaten  # type: ignore[method-assign]


@pytest.fixture
def shop() -> Shop:
    return Shop()


# --- how long


def test_an_order_is_held_for_as_long_as_was_asked_from_when_its_stock_was_taken(
    shop: Shop,
) -> None:
    def slowly(order: Order) -> Order:
        shop.clock.sleep(5)
        return moved_at(order, shop.clock.now())

    shop.stock.act = slowly
    order = shop.create(60).order
    assert (order.status, order.deferred) == (OrderStatus.RESERVED, False)
    assert order.held_until == order.created_at + timedelta(seconds=65)
    assert order == shop.orders.by_id[order.id]
    assert [str(event.type) for event in shop.orders.outbox[order.id]] == ["ORDER_RESERVED"]


def test_an_order_can_be_held_for_the_longest_time_and_not_for_a_second_more(shop: Shop) -> None:
    assert shop.create(LONGEST).order.status is OrderStatus.RESERVED
    with pytest.raises(InvalidValue) as refused:
        shop.create(LONGEST + 1)
    assert refused.value.problems == (("holdSeconds", "must be 900 at most"),)
    assert (len(shop.orders.by_id), shop.stock.asked) == (1, 1)


def test_an_order_that_is_not_to_be_held_is_sold_at_once_and_does_not_count(shop: Shop) -> None:
    for _ in range(MOST + 1):
        assert shop.create(None).order.status is OrderStatus.COMPLETED
    assert shop.orders.hold_slots("somebody") == set()


# --- how many


def test_a_customer_can_hold_as_many_orders_as_one_may_and_no_more(shop: Shop) -> None:
    held = shop.fill()
    assert {order.hold.slot for order in held if order.hold} == {1, 2, 3}
    with pytest.raises(TooManyHolds) as refused:
        shop.create()
    assert refused.value.most == MOST
    assert (len(shop.orders.by_id), shop.stock.asked) == (MOST, MOST)


def test_the_holds_of_one_customer_do_not_count_for_another(shop: Shop) -> None:
    shop.fill()
    assert shop.create(customer_id="somebody else").order.status is OrderStatus.RESERVED


def test_holds_are_not_counted_where_customers_are_not_known(shop: Shop) -> None:
    for _ in range(MOST + 1):
        order = shop.create(customer_id=None).order
        assert order.status is OrderStatus.RESERVED
        assert order.hold is not None
        assert order.hold.slot is None


def test_a_customer_who_holds_too_many_orders_may_still_buy(shop: Shop) -> None:
    shop.fill()
    assert shop.create(None).order.status is OrderStatus.COMPLETED


def confirm(order: Order) -> Order:
    return order.confirm(order.updated_at, CALLER)


def cancel(order: Order) -> Order:
    return order.request_cancel(order.updated_at, CALLER)


def expire(order: Order) -> Order:
    return order.expire(order.updated_at + timedelta(days=1))


def give_back(order: Order) -> Order:
    return moved_at(order, order.updated_at)


@pytest.mark.parametrize(
    "changes",
    [[confirm], [cancel, give_back], [expire, give_back]],
    ids=["confirmed", "cancelled", "expired"],
)
def test_a_customer_whose_hold_has_ended_can_hold_another_order(
    changes: list[Callable[[Order], Order]], shop: Shop
) -> None:
    [first, *_] = shop.fill()
    shop.settle(first, *changes)
    assert shop.create().order.status is OrderStatus.RESERVED
    with pytest.raises(TooManyHolds):
        shop.create()


@pytest.mark.parametrize("change", [cancel, expire], ids=["cancelled", "expired"])
def test_a_hold_whose_goods_are_not_back_yet_still_counts(
    change: Callable[[Order], Order], shop: Shop
) -> None:
    [first, *_] = shop.fill()
    shop.settle(first, change)
    with pytest.raises(TooManyHolds):
        shop.create()


def test_orders_that_were_refused_do_not_count_among_the_holds(shop: Shop) -> None:
    take = shop.stock.act
    shop.stock.act = lambda order: order.fail(SHORT, shop.clock.now())
    for _ in range(MOST + 2):
        with pytest.raises(InsufficientStock):
            shop.create()
    shop.stock.act = take
    assert len(shop.fill()) == MOST


def test_orders_that_could_not_be_sent_do_not_count_among_the_holds(shop: Shop) -> None:
    def away(order: Order) -> Order:
        raise InventoryUnavailable("refused")

    take, shop.stock.act = shop.stock.act, away
    for _ in range(MOST + 2):
        with pytest.raises(InventoryUnavailable):
            shop.create()
    shop.stock.act = take
    assert len(shop.fill()) == MOST


def test_an_order_whose_outcome_is_not_known_yet_counts_among_the_holds(shop: Shop) -> None:
    def unknown(order: Order) -> Order:
        raise OutcomeUnknown("sent and unanswered", in_flight=True)

    shop.stock.act = unknown
    for _ in range(MOST):
        assert shop.create().deferred
    with pytest.raises(TooManyHolds):
        shop.create()


def test_a_customer_who_holds_more_than_a_lowered_limit_allows_can_hold_no_more(
    shop: Shop,
) -> None:
    held = shop.fill()
    shop.most = 2
    for order in held[:2]:
        with pytest.raises(TooManyHolds):
            shop.create()
        shop.settle(order, confirm)
    assert shop.create().order.status is OrderStatus.RESERVED


# --- races for a slot


def test_who_loses_the_race_for_a_slot_takes_another(shop: Shop) -> None:
    shop.beaten_to_slots(MOST - 1)
    assert shop.create().order.status is OrderStatus.RESERVED
    assert shop.orders.hold_slots("somebody") == {1, 2, 3}


def test_who_loses_the_race_for_the_last_slot_holds_too_many(shop: Shop) -> None:
    shop.beaten_to_slots(MOST)
    with pytest.raises(TooManyHolds):
        shop.create()
    assert (len(shop.orders.by_id), shop.stock.asked) == (MOST, 0)


def test_requests_of_the_same_moment_hold_no_more_than_one_customer_may(shop: Shop) -> None:
    shop.most = 5

    def create(_: int) -> bool:
        try:
            return shop.create().order.status is OrderStatus.RESERVED
        except TooManyHolds:
            return False

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(create, range(40))) == 5
    assert shop.orders.hold_slots("somebody") == {1, 2, 3, 4, 5}


# --- repeated keys


def test_a_repeated_key_answers_its_order_though_its_customer_holds_too_many(shop: Shop) -> None:
    first = shop.create(key=KEY).order
    shop.create()
    shop.create()
    again = shop.create(key=KEY)
    assert (again.order.id, again.replayed) == (first.id, True)
    assert (again.order.status, again.order.held_until) == (first.status, first.held_until)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [confirm],
        [lambda order: order.extend(order.updated_at, order.updated_at, CALLER)],
        [cancel],
        [cancel, give_back],
        [expire],
        [expire, give_back],
        [confirm, cancel, give_back],
    ],
    ids=[
        "held",
        "confirmed",
        "extended",
        "to be cancelled",
        "cancelled",
        "expiring",
        "expired",
        "confirmed and cancelled",
    ],
)
def test_a_repeated_key_shows_the_hold_as_first_answered_whatever_became_of_it(
    changes: list[Callable[[Order], Order]], shop: Shop
) -> None:
    first = shop.create(key=KEY).order
    shop.settle(first, *changes)
    again = shop.create(key=KEY)
    shown = again.order
    assert (again.replayed, shown.id, shown.phase) == (True, first.id, OrderPhase.HELD)
    assert (shown.held_until, shown.updated_at) == (first.held_until, first.updated_at)
    assert len(shop.orders.by_id) == 1


def test_a_new_key_of_a_customer_who_holds_too_many_is_refused_and_not_kept(shop: Shop) -> None:
    [first, *_] = shop.fill()
    with pytest.raises(TooManyHolds):
        shop.create(key=KEY)
    shop.settle(first, confirm)
    later_on = shop.create(key=KEY)
    assert (later_on.replayed, later_on.order.status) == (False, OrderStatus.RESERVED)


def test_a_key_with_another_body_is_refused_as_such_though_its_customer_holds_too_many(
    shop: Shop,
) -> None:
    shop.create(key=KEY)
    shop.create()
    shop.create()
    with pytest.raises(KeyReused):
        shop.create(key=replace(KEY, fingerprint="another"))


def test_a_key_whose_first_request_is_on_its_way_is_in_flight_though_it_took_the_last_slot(
    shop: Shop,
) -> None:
    take, seen = shop.stock.act, []

    def again(order: Order) -> Order:
        with pytest.raises(KeyInFlight):
            shop.create(key=KEY)
        seen.append(order)
        return take(order)

    shop.create()
    shop.create()
    shop.stock.act = again
    shop.create(key=KEY)
    assert len(seen) == 1


def test_a_key_that_is_too_old_is_forgotten_though_its_customer_holds_too_many(
    shop: Shop,
) -> None:
    first = shop.create(key=KEY).order
    shop.create()
    shop.create()
    shop.clock.sleep(LIFETIME.total_seconds())
    with pytest.raises(TooManyHolds):
        shop.create(key=KEY)
    assert shop.orders.by_id[first.id].idempotency is None


def test_a_held_order_whose_outcome_was_not_known_is_replayed_as_it_is_now(shop: Shop) -> None:
    def unknown(order: Order) -> Order:
        raise OutcomeUnknown("sent and unanswered", in_flight=True)

    shop.stock.act = unknown
    first = shop.create(key=KEY)
    assert (first.deferred, first.order.status) == (True, OrderStatus.PENDING)
    shop.settle(first.order, lambda order: moved_at(order, shop.clock.now()))
    assert shop.create(key=KEY).order.status is OrderStatus.RESERVED
    shop.settle(first.order, confirm)
    assert shop.create(key=KEY).order.status is OrderStatus.COMPLETED


# --- the history


def test_the_history_of_a_held_order_names_the_customer_in_each_entry(shop: Shop) -> None:
    order = shop.create().order
    entries = [(str(each.event), each.by) for each in shop.orders.history[order.id]]
    assert entries == [("ORDER_PLACED", CALLER), ("ORDER_RESERVED", CALLER)]
