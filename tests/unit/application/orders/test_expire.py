"""Expiring holds: the expiry is recorded, the stock goes back, and nobody does either twice."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from order_service.application.orders.change import Asked
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.expire import AT_ONCE, ExpireOrders
from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown, StoreUnavailable
from order_service.domain.history import EXPIRY
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.orders import CALLER, moved_at, pending, stuck_without_intent
from tests.unit.fakes import FakeClock, FakeOrders, InlineExecutor


class Stock:
    """Gives back what it is asked to, unless told otherwise."""

    def __init__(self, orders: FakeOrders, clock: FakeClock) -> None:
        self._orders, self._clock = orders, clock
        self.available = True
        self.failing: dict[str, Exception] = {}
        self.returned: list[str] = []
        self.deadlines: set[float] = set()
        self.act: Callable[[Order], Order] = lambda order: moved_at(order, clock.now())

    def require_available(self) -> None:
        if not self.available:
            raise InventoryUnavailable("It is left alone.")

    def move(self, order: Order, deadline: float) -> Order:
        self.deadlines.add(deadline)
        if order.id in self.failing:
            raise self.failing[order.id]
        self.returned.append(order.id)
        return self._orders.save(self.act(order))


class Inventory:
    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.away:
            raise InventoryUnavailable("refused")


class Shop:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self.stock, self.inventory = Stock(self.orders, self.clock), Inventory()
        self.expire = self.worker()

    def worker(self) -> ExpireOrders:
        executor = InlineExecutor()
        return ExpireOrders(self.orders, self.stock, self.inventory, self.clock, executor, 7)

    def holds(self, seconds: int = 60) -> Order:
        """From now on."""
        now = self.clock.now()
        placed = pending(id=self.orders.next_id(), at=now, hold=Hold(seconds, None))
        return self.orders.add(moved_at(placed, now))

    def phase(self, order: Order) -> OrderPhase:
        return self.orders.by_id[order.id].phase

    def rounds(self) -> list[int]:
        """What each round did, until one did nothing."""
        done = [self.expire()]
        while done[-1]:
            done.append(self.expire())
        return done

    def before_recording(self, happen: Callable[[], object]) -> None:
        """It happens after the holds were read and before their expiry is recorded."""
        save_all = self.orders.save_all

        def beaten(orders: Sequence[Order]) -> list[Order]:
            self.orders.save_all = save_all  # type: ignore[method-assign]
            happen()
            return save_all(orders)

        self.orders.save_all = beaten  # type: ignore[method-assign]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_hold_that_is_over_expires_and_its_goods_go_back(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(60)
    assert shop.expire() == 1
    done = shop.orders.by_id[order.id]
    assert (done.status, done.stock_changes) == (OrderStatus.EXPIRED, {})
    assert shop.stock.returned == [order.id]
    [event] = shop.orders.outbox[order.id]
    assert (event.type, event.sequence) == ("ORDER_EXPIRED", 2)
    assert shop.expire() == 0


def test_the_history_of_an_expired_hold_names_the_expiry_in_both_entries(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(61)
    shop.expire()
    assert [(str(e.event), e.by) for e in shop.orders.history[order.id][-2:]] == [
        ("ORDER_EXPIRY_RECORDED", EXPIRY),
        ("ORDER_EXPIRED", EXPIRY),
    ]


def test_a_hold_that_is_not_over_is_left_alone_and_the_inventory_is_not_asked(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(59.999)
    assert shop.expire() == 0
    assert shop.phase(order) is OrderPhase.HELD
    assert (shop.inventory.asked, shop.stock.returned) == (0, [])


def test_an_expiry_is_recorded_before_the_goods_are_given_back(shop: Shop) -> None:
    order = shop.holds(60)
    seen: list[OrderPhase] = []

    def look(expiring: Order) -> Order:
        seen.append(shop.phase(order))
        return moved_at(expiring, shop.clock.now())

    shop.stock.act = look
    shop.clock.sleep(60)
    shop.expire()
    assert seen == [OrderPhase.EXPIRING]


def test_the_goods_of_a_round_are_given_back_within_one_budget(shop: Shop) -> None:
    shop.holds(60)
    shop.holds(60)
    shop.clock.sleep(100)
    shop.expire()
    assert shop.stock.deadlines == {107}


def test_holds_expire_a_batch_in_a_round_and_those_first_that_were_over_first(shop: Shop) -> None:
    late = [shop.holds(100) for _ in range(3)]
    early = [shop.holds(60) for _ in range(AT_ONCE)]
    shop.clock.sleep(100)
    assert shop.rounds() == [AT_ONCE, 3, 0]
    assert set(shop.stock.returned[:AT_ONCE]) == {order.id for order in early}
    assert set(shop.stock.returned[AT_ONCE:]) == {order.id for order in late}


def test_a_worker_that_was_away_for_an_hour_expires_everything_then(shop: Shop) -> None:
    for _ in range(3 * AT_ONCE):
        shop.holds(60)
        shop.clock.sleep(1)
    shop.clock.sleep(3600)
    assert sum(shop.rounds()) == 3 * AT_ONCE
    assert {order.status for order in shop.orders.by_id.values()} == {OrderStatus.EXPIRED}


# --- the inventory is away


def no_breaker(shop: Shop) -> None:
    shop.stock.available = False


def no_answer(shop: Shop) -> None:
    shop.inventory.away = True


@pytest.mark.parametrize("goes_away", [no_breaker, no_answer])
def test_while_the_inventory_is_away_no_expiry_is_recorded_and_holds_can_be_confirmed(
    goes_away: Callable[[Shop], None], shop: Shop
) -> None:
    first, second = shop.holds(60), shop.holds(60)
    shop.clock.sleep(3600)
    goes_away(shop)
    with pytest.raises(InventoryUnavailable):
        shop.expire()
    assert [shop.phase(order) for order in (first, second)] == [OrderPhase.HELD, OrderPhase.HELD]
    ConfirmOrder(shop.orders, shop.clock)(Asked(first.id, CALLER))
    shop.stock.available, shop.inventory.away = True, False
    assert shop.rounds() == [1, 0]
    assert shop.phase(first) is OrderPhase.COMPLETED
    assert shop.phase(second) is OrderPhase.EXPIRED


@pytest.mark.parametrize(
    "error",
    [
        InventoryUnavailable("refused"),
        OutcomeUnknown("sent and unanswered", in_flight=True),
        StoreUnavailable("down"),
    ],
)
def test_an_order_whose_goods_cannot_be_given_back_now_is_left_to_settlement_and_holds_up_no_other(
    error: Exception, shop: Shop
) -> None:
    failing, other = shop.holds(60), shop.holds(60)
    shop.stock.failing[failing.id] = error
    shop.clock.sleep(61)
    recorded_at = shop.clock.now()
    assert shop.rounds() == [1, 0]
    assert shop.phase(other) is OrderPhase.EXPIRED
    left = shop.orders.by_id[failing.id]
    assert (left.phase, left.awaiting_since) == (OrderPhase.EXPIRING, recorded_at)
    assert shop.orders.unsettled(recorded_at + timedelta(seconds=1), 10) == [left]


def test_an_order_that_gets_stuck_in_its_expiry_does_not_count_as_expired(shop: Shop) -> None:
    order = shop.holds(60)
    shop.stock.act = stuck_without_intent
    shop.clock.sleep(60)
    assert shop.rounds() == [0]
    assert shop.phase(order) is OrderPhase.EXPIRING_STUCK


def test_a_store_that_goes_away_while_expiries_are_recorded_is_an_error(shop: Shop) -> None:
    shop.holds(60)
    shop.clock.sleep(60)

    def gone(_: Sequence[Order]) -> list[Order]:
        raise StoreUnavailable("down")

    shop.orders.save_all = gone  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        shop.expire()
    assert shop.stock.returned == []


# --- races


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        (lambda order, now: order.confirm(now, CALLER), OrderPhase.COMPLETED),
        (
            lambda order, now: order.extend(now + timedelta(seconds=60), now, CALLER),
            OrderPhase.HELD,
        ),
        (lambda order, now: order.request_cancel(now, CALLER), OrderPhase.CANCELLING),
    ],
    ids=["confirmed", "extended", "cancelled"],
)
def test_a_hold_that_somebody_changes_just_before_it_expires_is_theirs_and_the_others_expire(
    change: Callable[[Order, datetime], Order], phase: OrderPhase, shop: Shop
) -> None:
    changed, other = shop.holds(60), shop.holds(60)
    shop.clock.sleep(60)
    shop.before_recording(lambda: shop.orders.save(change(changed, shop.clock.now())))
    assert shop.rounds() == [1, 0]
    assert shop.phase(changed) is phase
    assert shop.stock.returned == [other.id]


def test_a_hold_that_was_extended_just_in_time_expires_at_its_new_end(shop: Shop) -> None:
    order = shop.holds(60)
    shop.clock.sleep(60)
    now = shop.clock.now()
    extended = order.extend(now + timedelta(seconds=60), now, CALLER)
    shop.before_recording(lambda: shop.orders.save(extended))
    assert shop.expire() == 0
    shop.clock.sleep(60)
    assert shop.expire() == 1


def test_of_two_workers_that_find_the_same_holds_one_gives_the_goods_back(shop: Shop) -> None:
    orders = [shop.holds(60) for _ in range(AT_ONCE + 3)]
    shop.clock.sleep(60)
    other = shop.worker()
    done: list[int] = []
    shop.before_recording(lambda: done.append(other()))
    assert (shop.expire(), done) == (0, [AT_ONCE])
    assert shop.rounds() == [3, 0]
    assert sorted(shop.stock.returned) == sorted(order.id for order in orders)
    for order in orders:
        events = [str(entry.event) for entry in shop.orders.history[order.id]]
        assert events[-2:] == ["ORDER_EXPIRY_RECORDED", "ORDER_EXPIRED"]
        assert len(events) == 4


def test_a_worker_that_died_after_it_recorded_an_expiry_leaves_the_goods_to_settlement(
    shop: Shop,
) -> None:
    order = shop.holds(60)
    shop.clock.sleep(60)
    shop.stock.failing[order.id] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        shop.expire()
    shop.clock.sleep(1)
    assert shop.worker()() == 0
    assert [each.id for each in shop.orders.unsettled(shop.clock.now(), 10)] == [order.id]
