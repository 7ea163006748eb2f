"""Moving stock, over both contracts, on a real MongoDB and the real sample inventory."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.domain.marks import Failure, FailureCode, Shortage
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.integration.stock.shop import (
    NOBODY,
    Process,
    Shop,
    cancelling,
    completed,
    dying,
    move_all,
    only_absolute,
    only_conditional,
    our_change,
    settled,
)
from tests.misbehaving import (
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_AFTER,
    ERROR_BEFORE,
    HANG_AFTER,
    HANG_BEFORE,
    RUBBISH,
    Fault,
    slow,
)
from tests.waiting import until

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
    assert refused.failure == Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(item, 2),))
    assert process.stored(refused) == refused
    assert shop.items.stock(item) == 2


def test_an_order_of_an_unknown_item_fails(process: Process) -> None:
    refused = process.move(process.place(NOBODY))
    assert refused.status is OrderStatus.FAILED
    assert refused.failure == Failure(FailureCode.ITEM_NOT_FOUND, (Shortage(NOBODY, None),))


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
    sold = sum(o.lines[0].quantity for o in moved if o.status is OrderStatus.COMPLETED)
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
    process.end()
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


# --- processes that died


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
    assert recovered.stock_changes == {}
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
    assert marked.stuck.items == (item,)
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
