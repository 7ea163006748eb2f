"""Taking an order: what is stored, and what is answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
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
    InventoryUnavailable,
    ItemNotFound,
    KeyInFlight,
    KeyReused,
    OutcomeUnknown,
    ShortItem,
    StoreUnavailable,
)
from order_service.domain.line import Line
from order_service.domain.marks import (
    Decision,
    Failure,
    FailureCode,
    IdempotencyKey,
    Shortage,
    Stuck,
)
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import CALLER, basket, moved_at
from tests.unit.fakes import ITEM, PRICE, FakeClock, FakeOrders

KEY = IdempotencyKey("somebody", "a key", "a fingerprint")
LIFETIME = timedelta(hours=24)
HOLDS = HoldLimits(seconds=900, for_each_customer=2)


@dataclass
class Stock:
    """Does with each order what it is told to, and stores what comes of it."""

    orders: FakeOrders
    clock: FakeClock
    available: bool = True
    act: Callable[[Order], Order] | None = None
    deadlines: list[float] = field(default_factory=list)

    def require_available(self) -> None:
        if not self.available:
            raise InventoryUnavailable("It is left alone.")

    def move(self, order: Order, deadline: float) -> Order:
        self.deadlines.append(deadline)
        act = self.act or (lambda each: moved_at(each, self.clock.now()))
        return self.orders.save(act(order))


class Shop:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self.stock = Stock(self.orders, self.clock)
        self._create = CreateOrder(self.orders, self.stock, self.clock, 7, LIFETIME, HOLDS)

    def create(self, key: IdempotencyKey | None = None, quantity: int = 1) -> CreateOrderResult:
        lines = [Line(ITEM, quantity)]
        command = CreateOrderCommand(lines, customer_id="somebody", idempotency=key)
        return self._create(command)

    @property
    def stored(self) -> Order:
        [order] = self.orders.by_id.values()
        return order

    def failing(self, failure: Failure) -> None:
        self.stock.act = lambda order: order.fail(failure, self.clock.now())

    def raising(self, error: Exception) -> None:
        def act(order: Order) -> Order:
            raise error

        self.stock.act = act

    def settle(self, change: Callable[[Order], Order]) -> None:
        """As somebody else does it meanwhile."""
        self.orders.save(change(self.stored))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_an_order_is_stored_before_its_stock_is_moved(shop: Shop) -> None:
    seen: list[OrderStatus] = []

    def look(order: Order) -> Order:
        seen.append(shop.stored.status)
        return moved_at(order, shop.clock.now())

    shop.stock.act = look
    result = shop.create(quantity=2)
    assert seen == [OrderStatus.PENDING]
    assert (result.deferred, result.replayed) == (False, False)
    assert result.order == shop.stored
    assert (result.order.status, result.order.total_price) == (OrderStatus.COMPLETED, 2 * PRICE)
    assert result.order.customer_id == "somebody"


def test_the_move_of_the_stock_gets_the_time_that_is_left_of_the_requests_budget(
    shop: Shop,
) -> None:
    shop.clock.sleep(100)
    shop.create()
    assert shop.stock.deadlines == [107]


def test_an_order_over_the_stock_is_an_error_that_says_how_much_there_is(shop: Shop) -> None:
    shop.failing(Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 1),)))
    with pytest.raises(InsufficientStock) as refused:
        shop.create(quantity=2)
    assert refused.value.short == (ShortItem(ITEM, 2, 1),)
    assert refused.value.replayed is False


def test_an_order_of_a_missing_item_is_an_error(shop: Shop) -> None:
    shop.failing(Failure(FailureCode.ITEM_NOT_FOUND, (Shortage(ITEM, None),)))
    with pytest.raises(ItemNotFound) as refused:
        shop.create()
    assert refused.value.item_ids == (ITEM,)
    assert refused.value.short == (ShortItem(ITEM, 1, None),)


def test_no_order_is_stored_while_the_breaker_is_open(shop: Shop) -> None:
    shop.stock.available = False
    with pytest.raises(InventoryUnavailable):
        shop.create()
    assert shop.orders.by_id == {}


def test_a_repeated_key_is_answered_even_while_the_breaker_is_open(shop: Shop) -> None:
    first = shop.create(KEY)
    shop.stock.available = False
    assert shop.create(KEY).order == first.order


def test_an_order_that_could_not_be_sent_fails_and_frees_its_key(shop: Shop) -> None:
    shop.raising(InventoryUnavailable("refused"))
    with pytest.raises(InventoryUnavailable):
        shop.create(KEY)
    assert shop.stored.failure == Failure(FailureCode.INVENTORY_UNAVAILABLE)
    shop.stock.act = None
    assert shop.create(KEY).replayed is False


def test_an_order_that_cannot_even_be_failed_stays_for_settlement(shop: Shop) -> None:
    shop.raising(InventoryUnavailable("refused"))

    def save(order: Order) -> Order:
        raise StoreUnavailable("down")

    shop.orders.save = save  # type: ignore[method-assign]
    with pytest.raises(InventoryUnavailable):
        shop.create()
    assert shop.stored.status is OrderStatus.PENDING


def test_an_order_whose_outcome_is_unknown_is_answered_as_it_stands(shop: Shop) -> None:
    shop.raising(OutcomeUnknown("sent and unanswered", in_flight=True))
    result = shop.create(KEY)
    assert (result.deferred, result.order.status) == (True, OrderStatus.PENDING)
    assert shop.stored.deferred is True


def test_a_store_that_goes_away_during_a_create_is_an_error(shop: Shop) -> None:
    shop.raising(StoreUnavailable("down"))
    with pytest.raises(StoreUnavailable):
        shop.create()


# --- orders of several lines


def test_an_order_is_placed_with_its_lines_and_with_what_the_shop_says_of_it(shop: Shop) -> None:
    create = CreateOrder(shop.orders, shop.stock, shop.clock, 7, LIFETIME, HOLDS, currency="EUR")
    lines = basket().lines
    command = CreateOrderCommand(lines, reference="2026-17", metadata={"channel": "web"})
    order = create(command).order
    assert [(each.item_id, each.quantity) for each in order.lines] == [
        (each.item_id, each.quantity) for each in lines
    ]
    assert (order.reference, order.metadata, order.currency) == (
        "2026-17",
        {"channel": "web"},
        "EUR",
    )
    assert order.total_price == 6 * PRICE


def create_basket(shop: Shop, key: IdempotencyKey | None = None) -> CreateOrderResult:
    command = CreateOrderCommand(basket().lines, idempotency=key)
    return CreateOrder(shop.orders, shop.stock, shop.clock, 7, LIFETIME, HOLDS)(command)


SHORT = (Shortage("c" * 24, 1), Shortage("b" * 24, 0))
MISSING = (Shortage("c" * 24, 1), Shortage("b" * 24, None))


def test_an_order_is_refused_with_every_line_that_is_short(shop: Shop) -> None:
    shop.failing(Failure(FailureCode.INSUFFICIENT_STOCK, SHORT))
    with pytest.raises(InsufficientStock) as refused:
        create_basket(shop)
    assert refused.value.short == (ShortItem("c" * 24, 2, 1), ShortItem("b" * 24, 1, 0))


def test_an_order_of_items_some_of_which_are_missing_is_refused_with_all_lines_at_fault(
    shop: Shop,
) -> None:
    shop.failing(Failure(FailureCode.ITEM_NOT_FOUND, MISSING))
    with pytest.raises(ItemNotFound) as refused:
        create_basket(shop)
    assert refused.value.item_ids == ("b" * 24,)
    assert refused.value.short == (ShortItem("c" * 24, 2, 1), ShortItem("b" * 24, 1, None))


@pytest.mark.parametrize("key", [None, KEY])
def test_an_order_whose_refusal_is_recorded_is_refused_before_what_it_took_is_given_back(
    key: IdempotencyKey | None, shop: Shop
) -> None:
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, SHORT)
    shop.stock.act = lambda order: order.give_up(shop.clock.now(), failure)
    with pytest.raises(InsufficientStock) as refused:
        create_basket(shop, key)
    assert refused.value.replayed is False
    assert shop.stored.status is OrderStatus.PENDING


def test_a_repeated_key_is_refused_while_what_the_refused_order_took_is_given_back(
    shop: Shop,
) -> None:
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, SHORT)
    shop.stock.act = lambda order: order.give_up(shop.clock.now(), failure)
    for replayed in (False, True):
        with pytest.raises(InsufficientStock) as refused:
            create_basket(shop, KEY)
        assert refused.value.replayed is replayed
    shop.settle(lambda order: order.fail(Failure(FailureCode.ABANDONED), shop.clock.now()))
    with pytest.raises(InsufficientStock):
        create_basket(shop, KEY)


def test_a_key_of_an_order_that_settlement_gave_up_is_in_flight_until_the_order_failed(
    shop: Shop,
) -> None:
    shop.stock.act = lambda order: order.give_up(shop.clock.now())
    with pytest.raises(InventoryUnavailable):
        create_basket(shop, KEY)
    with pytest.raises(KeyInFlight):
        create_basket(shop, KEY)
    shop.settle(lambda order: order.fail(Failure(FailureCode.ABANDONED), shop.clock.now()))
    shop.stock.act = None
    assert create_basket(shop, KEY).replayed is False


# --- repeated keys


def test_a_repeated_key_is_answered_with_the_first_order(shop: Shop) -> None:
    first = shop.create(KEY)
    again = shop.create(KEY)
    assert (again.order, again.replayed, again.deferred) == (first.order, True, False)
    assert len(shop.orders.by_id) == 1


def test_a_repeated_key_shows_the_order_as_it_was_first_answered(shop: Shop) -> None:
    first = shop.create(KEY)
    shop.settle(lambda order: order.request_cancel(shop.clock.now(), CALLER))
    shop.settle(lambda order: moved_at(order, shop.clock.now()))
    assert shop.create(KEY).order.status is first.order.status


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(ITEM, 0),)), InsufficientStock),
        (Failure(FailureCode.ITEM_NOT_FOUND, (Shortage(ITEM, None),)), ItemNotFound),
    ],
)
def test_a_repeated_key_is_refused_as_its_first_request_was(
    failure: Failure, error: type[Exception], shop: Shop
) -> None:
    shop.failing(failure)
    for replayed in (False, True):
        with pytest.raises(error) as refused:
            shop.create(KEY)
        assert refused.value.replayed is replayed  # type: ignore[attr-defined]


def test_a_key_with_another_body_is_refused(shop: Shop) -> None:
    shop.create(KEY)
    with pytest.raises(KeyReused):
        shop.create(IdempotencyKey("somebody", "a key", "another fingerprint"))


def test_one_idempotency_key_of_two_callers_is_two_orders(shop: Shop) -> None:
    shop.create(KEY)
    assert not shop.create(IdempotencyKey("somebody else", "a key", "a fingerprint")).replayed


def test_a_key_whose_first_request_is_on_its_way_is_in_flight(shop: Shop) -> None:
    def again(order: Order) -> Order:
        with pytest.raises(KeyInFlight):
            shop.create(KEY)
        return moved_at(order, shop.clock.now())

    shop.stock.act = again
    shop.create(KEY)
    assert len(shop.orders.by_id) == 1


def test_a_deferred_order_is_replayed_as_it_is_now(shop: Shop) -> None:
    shop.raising(OutcomeUnknown("sent and unanswered", in_flight=True))
    shop.create(KEY)
    assert shop.create(KEY).order.status is OrderStatus.PENDING
    shop.settle(lambda order: moved_at(order, shop.clock.now()))
    again = shop.create(KEY)
    assert (again.order.status, again.deferred) == (OrderStatus.COMPLETED, True)


def test_a_repeated_key_shows_a_stuck_order_and_later_what_a_person_decided(shop: Shop) -> None:
    shop.raising(OutcomeUnknown("sent and unanswered", in_flight=True))
    shop.create(KEY)
    now = shop.clock.now()
    shop.settle(lambda order: order.mark_stuck(Stuck("Nobody can tell.", now, (ITEM,))))
    assert shop.create(KEY).order.stuck is not None
    shop.settle(lambda order: order.decide(Decision(OrderStatus.FAILED, "I looked.", now)))
    assert shop.create(KEY).order.failure == Failure(FailureCode.DECIDED)


def test_an_idempotency_key_is_forgotten_once_its_lifetime_is_over(shop: Shop) -> None:
    first = shop.create(KEY)
    shop.clock.sleep(LIFETIME.total_seconds() - 1)
    assert shop.create(KEY).replayed is True
    shop.clock.sleep(1)
    fresh = shop.create(KEY)
    assert (fresh.replayed, fresh.order.id != first.order.id) == (False, True)
    assert shop.orders.by_id[first.order.id].idempotency is None
    assert shop.create(KEY).order == fresh.order
