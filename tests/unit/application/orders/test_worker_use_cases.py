"""What the worker does round after round: settle, publish, record."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from order_service.application.backoff import attempts, delays
from order_service.application.orders.publish import PublishEvents
from order_service.application.orders.settle import BATCH, Overdue, SettleOrders
from order_service.application.stock.moving import refuse, store_changed
from order_service.application.stock_log.changes import AppendResult, StockChange
from order_service.application.stock_log.record import RecordStockChanges
from order_service.domain.errors import InventoryUnavailable, OrderServiceError, OutcomeUnknown
from order_service.domain.events import OrderEvent
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode, Shortage, Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.orders import ITEM, START, cancelling, completed, moved_at, pending
from tests.unit.fakes import FakeClock, FakeOrders

# --- settlement


class Stock:
    """Completes what it recovers, but fails for some items."""

    def __init__(self, orders: FakeOrders, clock: FakeClock) -> None:
        self._orders, self._clock = orders, clock
        self.failing: dict[str, Exception] = {}
        self.undecided: set[str] = set()
        self.asked: list[str] = []

    def recover(self, order: Order, deadline: float) -> Order:
        assert deadline == self._clock.monotonic() + 5
        self.asked.append(order.id)
        for item_id in order.stock_changes:
            if item_id in self.failing:
                raise self.failing[item_id]
        if order.id in self.undecided:
            return order
        return self._orders.save(moved_at(order, self._clock.now()))


class Settlement:
    def __init__(self) -> None:
        self.orders, self.clock = FakeOrders(), FakeClock()
        self.stock = Stock(self.orders, self.clock)
        overdue = Overdue(settle_after=timedelta(seconds=12), move_budget=5)
        self.failures: list[tuple[str, str]] = []
        self.settle = SettleOrders(
            self.orders, self.stock, self.clock, overdue, failed=self._failed
        )

    def _failed(self, order: Order, error: OrderServiceError) -> None:
        self.failures.append((order.id, error.code))

    def has(self, **given: Any) -> Order:
        return self.orders.add(pending(at=self.clock.now(), **given))


@pytest.fixture
def settlement() -> Settlement:
    return Settlement()


def test_an_order_is_settled_once_its_deadline_is_over(settlement: Settlement) -> None:
    order = settlement.has()
    settlement.clock.sleep(12)
    assert settlement.settle() == 0
    settlement.clock.sleep(0.001)
    assert settlement.settle() == 1
    assert settlement.orders.by_id[order.id].status is OrderStatus.COMPLETED
    assert settlement.settle() == 0


def test_an_order_that_cannot_be_decided_does_not_count_as_settled(settlement: Settlement) -> None:
    settlement.stock.undecided.add(settlement.has().id)
    settlement.clock.sleep(20)
    assert settlement.settle() == 0


@pytest.mark.parametrize(
    "error", [InventoryUnavailable("away"), OutcomeUnknown("who knows", in_flight=True)]
)
def test_an_item_whose_settlement_fails_holds_up_no_other_item(
    error: OrderServiceError, settlement: Settlement
) -> None:
    first, second = settlement.has(), settlement.has()
    other = settlement.has(item_id="b" * 24)
    settlement.stock.failing[ITEM] = error
    settlement.clock.sleep(20)
    assert settlement.settle() == 1
    assert settlement.stock.asked == [first.id, other.id]
    assert settlement.failures == [(first.id, error.code)]
    settlement.stock.failing.clear()
    assert settlement.settle() == 2
    assert settlement.orders.by_id[second.id].status is OrderStatus.COMPLETED


def test_an_item_whose_settlement_failed_in_the_last_pass_comes_last(
    settlement: Settlement,
) -> None:
    failing, other = settlement.has(), settlement.has(item_id="b" * 24)
    settlement.stock.failing[ITEM] = InventoryUnavailable("away")
    settlement.stock.undecided.add(other.id)
    settlement.clock.sleep(20)
    settlement.settle()
    settlement.settle()
    assert settlement.stock.asked == [failing.id, other.id, other.id, failing.id]
    settlement.stock.failing.clear()
    assert settlement.settle() == 1
    settlement.settle()
    assert settlement.orders.by_id[failing.id].status is OrderStatus.COMPLETED


B, C = "b" * 24, "c" * 24


def of_items(settlement: Settlement, *item_ids: str) -> Order:
    return settlement.has(lines=[Line(item_id, 1) for item_id in item_ids])


def test_orders_of_all_the_items_of_an_order_whose_settlement_failed_are_left_for_the_next_pass(
    settlement: Settlement,
) -> None:
    failing = of_items(settlement, C, ITEM)
    same, more = of_items(settlement, ITEM, C), of_items(settlement, ITEM, B, C)
    settlement.stock.failing[C] = InventoryUnavailable("away")
    settlement.clock.sleep(20)
    assert settlement.settle() == 0
    assert settlement.stock.asked == [failing.id]
    settlement.stock.failing.clear()
    assert settlement.settle() == 3
    assert settlement.orders.by_id[more.id].status is OrderStatus.COMPLETED
    assert settlement.orders.by_id[same.id].status is OrderStatus.COMPLETED


def test_orders_of_a_part_of_the_items_of_an_order_whose_settlement_failed_are_tried(
    settlement: Settlement,
) -> None:
    failing = of_items(settlement, ITEM, C)
    well, ill = of_items(settlement, ITEM, B), of_items(settlement, C)
    skipped = of_items(settlement, B, C)
    settlement.stock.failing[C] = InventoryUnavailable("away")
    settlement.clock.sleep(20)
    assert settlement.settle() == 1
    # From its failure on the item that is away is known.
    assert settlement.stock.asked == [failing.id, well.id, ill.id]
    assert settlement.orders.by_id[skipped.id].status is OrderStatus.PENDING


def test_orders_of_items_that_failed_together_in_the_last_pass_come_last(
    settlement: Settlement,
) -> None:
    failing = of_items(settlement, ITEM, C)
    part = of_items(settlement, C)
    other = of_items(settlement, B)
    settlement.stock.failing[ITEM] = InventoryUnavailable("away")
    settlement.stock.undecided |= {part.id, other.id}
    settlement.clock.sleep(20)
    settlement.settle()
    settlement.settle()
    first = [failing.id, part.id, other.id]
    assert settlement.stock.asked == [*first, part.id, other.id, failing.id]


def test_a_page_of_orders_of_one_failing_basket_costs_settlement_one_try(
    settlement: Settlement,
) -> None:
    for _ in range(BATCH + 5):
        of_items(settlement, ITEM, C)
    last = of_items(settlement, B)
    settlement.stock.failing[ITEM] = OutcomeUnknown("who knows", in_flight=True)
    settlement.clock.sleep(20)
    assert settlement.settle() == 1
    assert settlement.stock.asked[1:] == [last.id]


def test_orders_that_cannot_be_settled_hold_up_no_order_behind_them(settlement: Settlement) -> None:
    # Two full pages, most of one and the same time.
    for n in range(2 * BATCH):
        order = settlement.has()
        if n % 3:
            settlement.stock.undecided.add(order.id)
        else:
            settlement.orders.save(order.mark_stuck(Stuck("Nobody can tell.", START, (ITEM,))))
            settlement.stock.undecided.add(order.id)
        if n == BATCH // 2:
            settlement.clock.sleep(1)
    last = settlement.has()
    settlement.clock.sleep(20)
    assert settlement.settle() == 1
    assert settlement.orders.by_id[last.id].status is OrderStatus.COMPLETED
    assert len(settlement.stock.asked) == 2 * BATCH + 1


# --- the relay


class Publisher:
    def __init__(self) -> None:
        self.published: list[OrderEvent] = []
        self.confirms: Callable[[OrderEvent], bool] = lambda event: True

    def publish(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        confirmed = [event for event in events if self.confirms(event)]
        self.published += confirmed
        return confirmed


class Lock:
    def __init__(self) -> None:
        self.is_free = True

    @contextmanager
    def held(self) -> Iterator[bool]:
        was_free, self.is_free = self.is_free, False
        try:
            yield was_free
        finally:
            self.is_free = was_free


class Relay:
    def __init__(self) -> None:
        self.orders, self.publisher = FakeOrders(), Publisher()
        self.lock = Lock()
        self.publish = PublishEvents(self.orders, self.publisher, self.lock)

    def has(self, *orders: Order) -> None:
        for order in orders:
            self.orders.by_id[order.id] = order.saved()
            self.orders.outbox[order.id] = list(order.new_events)


@pytest.fixture
def relay() -> Relay:
    return Relay()


def test_published_events_are_taken_out_of_the_outbox(relay: Relay) -> None:
    orders = [completed(), completed()]
    relay.has(*orders)
    assert relay.publish() == 2
    assert [event.order_id for event in relay.publisher.published] == [o.id for o in orders]
    assert relay.publish() == 0


def test_an_event_that_the_broker_did_not_confirm_stays_in_the_outbox(relay: Relay) -> None:
    good, bad = completed(), completed()
    relay.has(good, bad)
    relay.publisher.confirms = lambda event: event.order_id == good.id
    assert relay.publish() == 1
    relay.publisher.confirms = lambda event: True
    assert relay.publish() == 1
    assert [event.order_id for event in relay.publisher.published] == [good.id, bad.id]


def test_one_relay_publishes_at_a_time(relay: Relay) -> None:
    relay.has(completed())
    relay.lock.is_free = False
    assert relay.publish() == 0
    assert relay.publisher.published == []
    relay.lock.is_free = True
    assert relay.publish() == 1


def test_the_relays_lock_is_given_back_whatever_happens(relay: Relay) -> None:
    relay.has(completed())

    def fail(event: OrderEvent) -> bool:
        raise InventoryUnavailable("anything")

    relay.publisher.confirms = fail
    with pytest.raises(InventoryUnavailable):
        relay.publish()
    assert relay.lock.is_free


# --- the log


class Log:
    def __init__(self) -> None:
        self.batches: list[Sequence[StockChange]] = []

    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        self.batches.append(changes)
        return AppendResult(written=len(changes), duplicates=0)


def change(previous: int, new: int, change_type: str, amount: int) -> StockChange:
    return StockChange(
        topic="stock_updates",
        partition=0,
        offset=0,
        item_id="a" * 24,
        previous_stock=previous,
        new_stock=new,
        change_type=change_type,
        change_amount=amount,
        updated_at=START,
        payload={},
    )


@pytest.mark.parametrize(
    ("given", "contradictory"),
    [
        (change(10, 7, "reduced", 3), False),
        (change(7, 10, "added", 3), False),
        (change(7, 7, "added", 0), False),
        (change(10, 7, "added", 3), True),
        (change(10, 7, "reduced", 4), True),
    ],
)
def test_a_stock_change_that_contradicts_itself_is_logged_and_marked(
    given: StockChange, contradictory: bool
) -> None:
    log = Log()
    assert RecordStockChanges(log)([given]).written == 1  # type: ignore[arg-type]
    [[kept]] = log.batches
    assert kept.contradictory is contradictory


def test_an_empty_batch_of_stock_changes_is_not_written() -> None:
    log = Log()
    assert RecordStockChanges(log)([]) == AppendResult(0, 0)  # type: ignore[arg-type]
    assert log.batches == []


# --- what they stand on


def test_a_save_that_lost_its_race_is_repeated_on_the_newer_version() -> None:
    orders, clock = FakeOrders(), FakeClock()
    loaded = orders.add(pending())
    orders.save(loaded.defer(clock.now()))
    changed = store_changed(orders, [loaded], lambda order: moved_at(order, clock.now()))
    assert changed[loaded.id] == orders.by_id[loaded.id]
    assert (changed[loaded.id].status, changed[loaded.id].deferred) == ("COMPLETED", True)


def test_an_order_that_somebody_else_settled_is_answered_as_it_stands() -> None:
    orders, clock = FakeOrders(), FakeClock()
    loaded, other = orders.add(pending()), orders.add(pending())
    settled = orders.save(loaded.fail(Failure(FailureCode.ABANDONED), clock.now()))
    changed = store_changed(orders, [loaded, other], lambda order: moved_at(order, clock.now()))
    assert changed[loaded.id] == settled
    assert changed[other.id].status is OrderStatus.COMPLETED


def test_an_order_of_a_missing_item_fails_and_its_cancellation_gets_stuck() -> None:
    missing = [Shortage(ITEM, None)]
    failed = refuse(pending(), missing, START)
    assert failed.failure == Failure(FailureCode.ITEM_NOT_FOUND, tuple(missing))
    marked = refuse(cancelling(), missing, START)
    assert marked.status is OrderStatus.COMPLETED
    assert marked.stuck is not None
    assert marked.stuck.items == (ITEM,)


def test_attempts_begin_at_once_and_end_at_their_time() -> None:
    clock = FakeClock()
    times = [clock.monotonic() for _ in attempts(clock, until=1.0)]
    assert times[0] == 0
    assert times[-1] == 1.0
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= 0.1
    assert len(times) < 50


def test_attempts_make_one_try_even_when_their_time_is_over() -> None:
    clock = FakeClock()
    clock.sleep(10)
    assert len(list(attempts(clock, until=1.0))) == 1


def test_delays_between_attempts_grow_to_their_bound_and_differ() -> None:
    waits = delays(1, 8)
    taken = [next(waits) for _ in range(20)]
    assert all(
        bound / 2 <= wait <= bound for wait, bound in zip(taken, [1, 2, 4, 8, 8], strict=False)
    )
    assert max(taken) <= 8
    assert len(set(taken)) == 20
