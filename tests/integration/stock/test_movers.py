"""Moving stock, over both contracts, on a real MongoDB and the real sample inventory.

A ``Process`` is what one API process or worker is made of; several share the store.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock_log.changes import StockChange
from order_service.bootstrap.adapters import Adapters, build_adapters, stock_mover
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown, StoreUnavailable
from order_service.domain.marks import Failure, FailureCode
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.settings import Settings
from tests.integration.conftest import opened, store_settings
from tests.items import Items
from tests.misbehaving import (
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_AFTER,
    ERROR_BEFORE,
    HANG_AFTER,
    HANG_BEFORE,
    RUBBISH,
    Fault,
    MisbehavingInventory,
    slow,
)
from tests.waiting import until

NOBODY = "0" * 24
PATIENCE = 5.0
CHANGES = {"absolute": "PATCH", "conditional": "POST"}


@dataclass
class Process:
    settings: Settings
    adapters: Adapters
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))

    def __post_init__(self) -> None:
        self.mover = stock_mover(self.settings, self.adapters, self.threads)

    def place(self, item: str, quantity: int = 1) -> Order:
        orders = self.adapters.orders
        now = self.adapters.clock.now()
        return orders.add(Order.place(id=orders.next_id(), item_id=item, quantity=quantity, at=now))

    def move(self, order: Order, seconds: float = PATIENCE) -> Order:
        return self.mover.move(order, time.monotonic() + seconds)

    def recover(self, order: Order, seconds: float = PATIENCE) -> Order:
        """From the order as it is stored, as settlement does it."""
        return self.mover.recover(self.stored(order), time.monotonic() + seconds)

    def stored(self, order: Order) -> Order:
        found = self.adapters.orders.get(order.id)
        assert found is not None
        return found


@dataclass
class Shop:
    """What the processes share, and the means to start some."""

    settings: Settings
    items: Items
    proxy: MisbehavingInventory
    stack: ExitStack
    database: Database
    shared: Shared

    @property
    def absolute(self) -> bool:
        return self.settings.inventory_contract == "absolute"

    @property
    def changes(self) -> str:
        """The HTTP method of a change of stock."""
        return CHANGES[self.settings.inventory_contract]

    def process(self, wrap: Callable[[Adapters], Adapters] = lambda adapters: adapters) -> Process:
        process = Process(
            self.settings, wrap(build_adapters(self.settings, self.database, self.shared))
        )
        self.stack.callback(process.threads.shutdown)
        return process

    def end_lease(self, item: str) -> None:
        """As if its time were over."""
        past = datetime(2000, 1, 1, tzinfo=UTC)
        self.database["leases"].update_one({"_id": item}, {"$set": {"expiresAt": past}})


only_absolute = pytest.mark.parametrize("shop", ["absolute"], indirect=True)
only_conditional = pytest.mark.parametrize("shop", ["conditional"], indirect=True)


@pytest.fixture(params=["absolute", "conditional"])
def shop(
    request: pytest.FixtureRequest,
    mongo: Mongod,
    proxy: MisbehavingInventory,
    items: Items,
    shared: Shared,
) -> Iterator[Shop]:
    given = {
        "inventory_service_url": proxy.url,
        "inventory_contract": request.param,
        "inventory_read_timeout": 1,
        "lease_seconds": 5,
        "breaker_failures": 1000,
    }
    settings = store_settings(mongo.uri, **given)
    with opened(settings) as database, ExitStack() as stack:
        schema.migrate(database)
        stack.callback(proxy.behave)
        yield Shop(settings, items, proxy, stack, database, shared)


@pytest.fixture
def process(shop: Shop) -> Process:
    return shop.process()


def completed(process: Process, item: str, quantity: int = 1) -> Order:
    done = process.move(process.place(item, quantity))
    assert done.status is OrderStatus.COMPLETED
    return done


def cancelling(process: Process, order: Order) -> Order:
    return process.adapters.orders.save(order.request_cancel(process.adapters.clock.now()))


# --- taking


def test_an_order_takes_its_stock_at_the_price_of_the_moment(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=10, price="19.99")
    moved = process.move(process.place(item, 3))
    assert (moved.status, moved.total_price) == (OrderStatus.COMPLETED, Decimal("59.97"))
    assert process.stored(moved) == moved
    assert shop.items.stock(item) == 7


def test_an_order_can_take_the_last_of_the_stock(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=3)
    completed(process, item, 3)
    assert shop.items.stock(item) == 0


def test_an_order_over_the_stock_fails_and_says_what_is_left(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=2)
    refused = process.move(process.place(item, 3))
    assert refused.status is OrderStatus.FAILED
    assert refused.failure == Failure(FailureCode.INSUFFICIENT_STOCK, available=2)
    assert process.stored(refused) == refused
    assert shop.items.stock(item) == 2


def test_an_order_of_an_unknown_item_fails(process: Process) -> None:
    refused = process.move(process.place(NOBODY))
    assert refused.status is OrderStatus.FAILED
    assert refused.failure == Failure(FailureCode.ITEM_NOT_FOUND)


def move_all(processes: Sequence[Process], orders: Sequence[Order]) -> list[Order]:
    with ThreadPoolExecutor(len(orders)) as threads:
        moving = [
            threads.submit(processes[n % len(processes)].move, order, 15)
            for n, order in enumerate(orders)
        ]
        return [each.result() for each in moving]


def test_orders_at_once_from_several_processes_never_oversell(shop: Shop) -> None:
    item = shop.items.add(stock=10)
    processes = [shop.process(), shop.process()]
    moved = move_all(processes, [processes[0].place(item) for _ in range(16)])
    statuses = [order.status for order in moved]
    assert statuses.count(OrderStatus.COMPLETED) == 10
    assert statuses.count(OrderStatus.FAILED) == 6
    assert shop.items.stock(item) == 0


def test_orders_of_different_sizes_take_from_the_stock_what_they_were_sold(shop: Shop) -> None:
    item = shop.items.add(stock=20)
    processes = [shop.process(), shop.process()]
    moved = move_all(processes, [processes[0].place(item, 1 + n % 4) for n in range(12)])
    sold = sum(o.quantity for o in moved if o.status is OrderStatus.COMPLETED)
    assert shop.items.stock(item) == 20 - sold
    # What was refused did not fit, so less is left than the largest order asks for.
    assert sold > 20 - 4


@only_absolute
def test_orders_that_wait_together_share_an_overwrite(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=20)
    shop.proxy.misbehave(slow(0.4), method="PATCH", times=1)
    moved = move_all([process], [process.place(item) for _ in range(12)])
    assert [order.status for order in moved] == [OrderStatus.COMPLETED] * 12
    assert shop.items.stock(item) == 8
    patches = [request for request in shop.proxy.requests if request.startswith("PATCH")]
    assert len(patches) < 6


# --- giving back


def test_a_cancellation_gives_the_stock_back(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=10)
    order = cancelling(process, completed(process, item, 4))
    moved = process.move(order)
    assert moved.status is OrderStatus.CANCELLED
    assert process.stored(order) == moved
    assert shop.items.stock(item) == 10


def test_a_cancellation_that_several_carry_out_gives_the_stock_back_once(shop: Shop) -> None:
    item = shop.items.add(stock=10)
    processes = [shop.process(), shop.process()]
    order = cancelling(processes[0], completed(processes[0], item, 4))
    moved = move_all(processes, [order] * 6)
    assert [each.status for each in moved] == [OrderStatus.CANCELLED] * 6
    assert shop.items.stock(item) == 10


def test_orders_and_cancellations_at_once_add_up(shop: Shop) -> None:
    item = shop.items.add(stock=10)
    processes = [shop.process(), shop.process()]
    backing = [cancelling(processes[0], completed(processes[0], item, 2)) for _ in range(3)]
    taking = [processes[0].place(item) for _ in range(8)]
    moved = move_all(processes, [*backing, *taking])
    sold = [order for order in moved if order.status is OrderStatus.COMPLETED]
    assert [each.status for each in moved[:3]] == [OrderStatus.CANCELLED] * 3
    assert shop.items.stock(item) == 10 - len(sold)


# --- an inventory in trouble


def test_an_inventory_that_refuses_connections_takes_no_stock(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item)
    shop.proxy.refuse()
    with pytest.raises(InventoryUnavailable):
        process.move(order)
    shop.proxy.accept()
    assert process.stored(order) == order
    assert shop.items.stock(item) == 10
    # Nothing that the failed attempt left behind holds up the next one.
    assert process.move(order).status is OrderStatus.COMPLETED


@pytest.mark.parametrize("fault", RUBBISH, ids=str)
def test_a_rubbish_answer_of_the_inventory_is_never_taken_for_a_sale(
    fault: Fault, shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item)
    shop.proxy.misbehave(fault)
    with pytest.raises((InventoryUnavailable, OutcomeUnknown)):
        process.move(order, seconds=0.3)
    # Its last attempt may still be on the way.
    process.threads.shutdown()
    assert process.stored(order).status is OrderStatus.PENDING
    assert shop.items.stock(item) == 10


@pytest.mark.parametrize("fault", [ERROR_AFTER, CUT_AFTER, HANG_AFTER], ids=str)
def test_a_stock_change_that_was_carried_out_and_not_confirmed_counts_once(
    fault: Fault, shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    shop.proxy.misbehave(fault, method=shop.changes, times=1)
    assert completed(process, item, 3).total_price == Decimal("29.97")
    assert shop.items.stock(item) == 7


def test_an_error_of_the_inventory_before_anything_happened_is_raised_or_tried_again(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item, 3)
    shop.proxy.misbehave(ERROR_BEFORE, method=shop.changes, times=1)
    if shop.absolute:
        with pytest.raises(InventoryUnavailable):
            process.move(order)
        assert shop.items.stock(item) == 10
    assert process.move(process.stored(order)).status is OrderStatus.COMPLETED
    assert shop.items.stock(item) == 7


@pytest.mark.parametrize("fault", [CUT_BEFORE, HANG_BEFORE], ids=str)
def test_a_stock_change_that_may_still_happen_is_unknown_and_recovered_later(
    fault: Fault, shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item, 3)
    shop.proxy.misbehave(fault, method=shop.changes)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        process.move(order, seconds=0.7)
    assert time.monotonic() - began < 3
    assert process.stored(order).status is OrderStatus.PENDING
    # Its caller is told to wait for it.
    process.adapters.orders.save(process.stored(order).defer(process.adapters.clock.now()))
    until(lambda: shop.proxy.requests, "it was sent")
    shop.proxy.behave()
    shop.end_lease(item)
    assert until(lambda: settled(shop.process(), order), "it is settled").status == "COMPLETED"
    assert shop.items.stock(item) == 7


def settled(process: Process, order: Order) -> Order | None:
    try:
        recovered = process.recover(order)
    except (InventoryUnavailable, OutcomeUnknown):
        return None
    return None if recovered.stock_change else recovered


# --- processes that died


class DiesBeforeStoring:
    """A repository that can't save: what its process decides is never heard of."""

    def __init__(self, orders: OrderRepository) -> None:
        self._orders = orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        raise StoreUnavailable("It died.")


def dying(adapters: Adapters) -> Adapters:
    return replace(adapters, orders=DiesBeforeStoring(adapters.orders))  # type: ignore[arg-type]


def test_an_order_that_was_never_sent_is_given_up_and_takes_no_stock(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item, 3)
    recovered = process.recover(order)
    assert recovered.failure == Failure(FailureCode.ABANDONED)
    assert process.stored(order) == recovered
    assert shop.items.stock(item) == 10


def test_a_process_that_left_an_order_behind_can_no_longer_move_the_order(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item, 3)
    process.recover(order)
    assert shop.process().move(order).status is OrderStatus.FAILED
    assert shop.items.stock(item) == 10


def test_a_promised_order_whose_stock_went_is_completed_after_the_crash(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10, price="2.50")
    order = process.place(item, 3)
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(order)
    assert shop.items.stock(item) == 7
    process.adapters.orders.save(process.stored(order).defer(process.adapters.clock.now()))
    shop.end_lease(item)
    recovered = process.recover(order)
    assert (recovered.status, recovered.total_price) == (OrderStatus.COMPLETED, Decimal("7.50"))
    assert shop.items.stock(item) == 7


def test_an_unpromised_order_whose_stock_went_ends_with_books_that_balance(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item, 3)
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(order)
    shop.end_lease(item)
    recovered = process.recover(order)
    taken = 3 if recovered.status is OrderStatus.COMPLETED else 0
    assert recovered.stock_change == 0
    assert shop.items.stock(item) == 10 - taken


@only_absolute
def test_the_next_order_settles_what_a_crash_left_open(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=10)
    left = process.place(item, 3)
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(left)
    shop.end_lease(item)
    completed(process, item, 2)
    assert process.stored(left).status is OrderStatus.COMPLETED
    assert shop.items.stock(item) == 5


def test_a_cancellation_that_a_crash_left_open_gives_the_stock_back_once(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = cancelling(process, completed(process, item, 3))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(order)
    assert shop.items.stock(item) == 10
    shop.end_lease(item)
    assert process.recover(order).status is OrderStatus.CANCELLED
    assert shop.items.stock(item) == 10


def test_processes_that_recover_one_order_at_once_do_no_harm(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=10)
    order = process.place(item, 3)
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(order)
    process.adapters.orders.save(process.stored(order).defer(process.adapters.clock.now()))
    shop.end_lease(item)
    with ThreadPoolExecutor(4) as threads:
        several = [threads.submit(settled, shop.process(), order) for _ in range(4)]
        for each in several:
            each.exception()
    assert process.stored(order).status is OrderStatus.COMPLETED
    assert shop.items.stock(item) == 7


# --- another writer


def left_open(shop: Shop, process: Process, item: str) -> Order:
    """An order whose overwrite went out, from a process that died then."""
    order = process.place(item, 3)
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(order)
    return order


@only_absolute
def test_stock_that_somebody_else_wrote_over_an_open_intent_leaves_the_order_stuck(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = left_open(shop, process, item)
    shop.items.set_stock(item, 50)
    shop.end_lease(item)
    marked = process.recover(order)
    assert marked.status is OrderStatus.PENDING
    assert marked.stuck is not None
    assert "from 10 to 7 and is 50" in marked.stuck.reason
    assert process.adapters.orders.stuck(10) == [marked]
    # It holds up nobody else.
    completed(process, item, 5)
    assert shop.items.stock(item) == 45
    assert process.recover(order) == marked


@only_absolute
def test_a_log_entry_of_our_change_frees_a_stuck_order(shop: Shop, process: Process) -> None:
    item = shop.items.add(stock=10)
    order = left_open(shop, process, item)
    shop.items.set_stock(item, 50)
    shop.end_lease(item)
    process.recover(order)
    process.adapters.changes.append([our_change(item, 10, 7)])
    freed = process.recover(order)
    assert (freed.status, freed.stuck) == (OrderStatus.COMPLETED, None)
    assert freed.total_price == Decimal("29.97")


@only_absolute
def test_a_log_entry_of_our_change_decides_an_open_order_at_once(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = left_open(shop, process, item)
    process.adapters.changes.append([our_change(item, 10, 7)])
    shop.items.set_stock(item, 50)
    shop.end_lease(item)
    assert process.recover(order).status is OrderStatus.COMPLETED


def our_change(item: str, previous: int, new: int) -> StockChange:
    return StockChange(
        topic="stock_updates",
        partition=0,
        offset=0,
        item_id=item,
        previous_stock=previous,
        new_stock=new,
        change_type="reduced",
        change_amount=previous - new,
        updated_at=datetime.now(UTC),
        payload={},
    )


@only_conditional
def test_an_operation_id_decides_an_order_whatever_stock_somebody_else_wrote(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = left_open(shop, process, item)
    process.adapters.orders.save(process.stored(order).defer(process.adapters.clock.now()))
    shop.items.set_stock(item, 50)
    assert process.recover(order).status is OrderStatus.COMPLETED
    assert shop.items.stock(item) == 50


# --- time


def test_an_order_waits_for_the_inventory_no_longer_than_its_deadline(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    shop.proxy.misbehave(HANG_BEFORE)
    began = time.monotonic()
    with pytest.raises((InventoryUnavailable, OutcomeUnknown)):
        process.move(process.place(item), seconds=0.3)
    assert time.monotonic() - began < 1.9


def test_the_breaker_turns_orders_away_before_they_are_stored(shop: Shop) -> None:
    shop.settings = shop.settings.model_copy(update={"breaker_failures": 2})
    process = shop.process()
    process.mover.require_available()
    shop.proxy.refuse()
    for _ in range(2):
        with pytest.raises(InventoryUnavailable):
            process.move(process.place(NOBODY))
    with pytest.raises(InventoryUnavailable):
        process.mover.require_available()
