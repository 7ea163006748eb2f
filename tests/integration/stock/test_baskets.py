"""Orders of several items, over both contracts, on a real MongoDB and the real sample inventory."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from order_service.application.stock.lease import Lease, LeaseStore, Primary
from order_service.bootstrap.adapters import Adapters
from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown, StoreUnavailable
from order_service.domain.marks import Decision, Failure, FailureCode, Shortage
from order_service.domain.moves import Intent
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
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
    HANG_AFTER,
    HANG_BEFORE,
    Fault,
    slow,
)
from tests.waiting import until


def shelf(shop: Shop, *stocks: int, price: str = "9.99") -> list[str]:
    """Items of these stocks, in the order of their ids."""
    return [shop.items.add(stock=stock, price=price) for stock in stocks]


def stocks(shop: Shop, items: Sequence[str]) -> list[int]:
    return [shop.items.stock(item) for item in items]


def each(items: Sequence[str], quantity: int = 1) -> list[tuple[str, int]]:
    return [(item, quantity) for item in items]


def half_filled(order: Order) -> bool:
    whole = {OrderStatus.COMPLETED: {(True, False)}, OrderStatus.CANCELLED: {(True, True)}}
    moves = {(line.taken is not None, line.returned is not None) for line in order.lines}
    return not moves <= whole.get(order.status, {(False, False), (True, True)})


# --- all or nothing


def test_a_basket_takes_every_item_at_the_price_of_the_moment(shop: Shop, process: Process) -> None:
    cheap, dear = shop.items.add(10, price="0.10"), shop.items.add(10, price="19.99")
    moved = process.move(process.place_basket((dear, 3), (cheap, 7)))
    assert moved.status is OrderStatus.COMPLETED
    assert [line.item_id for line in moved.lines] == [dear, cheap]
    assert [line.total_price for line in moved.lines] == [Decimal("59.97"), Decimal("0.70")]
    assert moved.total_price == Decimal("60.67")
    assert process.stored(moved) == moved
    assert stocks(shop, [cheap, dear]) == [3, 7]
    assert shop.open_leases() == []


def test_a_basket_can_take_the_last_of_every_item(shop: Shop, process: Process) -> None:
    items = shelf(shop, 3, 3, 3)
    assert process.move(process.place_basket(*each(items, 3))).status is OrderStatus.COMPLETED
    assert stocks(shop, items) == [0, 0, 0]


def test_a_basket_of_a_hundred_items_is_moved_whole(shop: Shop, process: Process) -> None:
    items = shelf(shop, *[5] * 100)
    done = process.move(process.place_basket(*each(items[::-1])), 30)
    assert done.status is OrderStatus.COMPLETED
    assert stocks(shop, items) == [4] * 100
    asked = cancelling(process, done)
    assert process.move(asked, 30).status is OrderStatus.CANCELLED
    assert stocks(shop, items) == [5] * 100


@only_absolute
def test_a_refused_basket_names_every_short_line_and_changes_no_stock(
    shop: Shop, process: Process
) -> None:
    first, second, third = shelf(shop, 2, 5, 0)
    refused = process.move(process.place_basket((third, 1), (first, 3), (second, 5)))
    short = (Shortage(third, 0), Shortage(first, 2))
    assert refused.failure == Failure(FailureCode.INSUFFICIENT_STOCK, short)
    assert process.stored(refused) == refused
    assert shop.sent_changes() == []
    assert shop.open_leases() == []


@only_absolute
def test_a_basket_with_an_unknown_item_fails_and_changes_no_stock(
    shop: Shop, process: Process
) -> None:
    [item] = shelf(shop, 2)
    refused = process.move(process.place_basket((item, 3), (NOBODY, 1)))
    short = (Shortage(item, 2), Shortage(NOBODY, None))
    assert refused.failure == Failure(FailureCode.ITEM_NOT_FOUND, short)
    assert shop.sent_changes() == []


@only_conditional
def test_a_basket_refused_at_its_last_line_gives_back_what_it_took(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 1)
    refused = process.move(process.place_basket(*each(items, 2)))
    failure = Failure(FailureCode.INSUFFICIENT_STOCK, (Shortage(items[2], 1),))
    assert (refused.status, refused.failure) == (OrderStatus.FAILED, failure)
    assert not half_filled(refused)
    assert stocks(shop, items) == [10, 10, 1]
    sent = [request.split("/")[-2] for request in shop.sent_changes()]
    assert sent == ["deduct-stock"] * 3 + ["restore-stock"] * 2


@only_conditional
def test_a_basket_with_an_unknown_item_gives_back_what_it_took(
    shop: Shop, process: Process
) -> None:
    unknown = "f" * 24
    [item] = shelf(shop, 5)
    refused = process.move(process.place_basket((unknown, 1), (item, 3)))
    assert refused.failure == Failure(FailureCode.ITEM_NOT_FOUND, (Shortage(unknown, None),))
    assert stocks(shop, [item]) == [5]


# --- many at once


def test_baskets_of_the_same_items_in_both_orders_sell_exactly_what_there_is(shop: Shop) -> None:
    x, y = shelf(shop, 12, 12)
    processes = [shop.process(), shop.process()]
    baskets = [
        processes[0].place_basket(*(((x, 1), (y, 1)) if n % 2 else ((y, 1), (x, 1))))
        for n in range(20)
    ]
    moved = move_all(processes, baskets)
    assert Counter(order.status for order in moved) == {"COMPLETED": 12, "FAILED": 8}
    assert stocks(shop, [x, y]) == [0, 0]
    assert not any(map(half_filled, moved))


def test_baskets_chained_over_ten_items_all_finish(shop: Shop) -> None:
    """Each wants an item and the next one, and the last wants the last item and the first."""
    items = shelf(shop, *[10] * 10)
    processes = [shop.process(), shop.process()]
    baskets = [
        processes[0].place_basket((items[n], 1), (items[(n + 1) % 10], 1)) for n in range(10)
    ]
    longer = [processes[0].place_basket(*each(items[n : n + 5])) for n in range(5)]
    moved = move_all(processes, [*baskets, *longer])
    assert {order.status for order in moved} == {OrderStatus.COMPLETED}
    taken = Counter(line.item_id for order in moved for line in order.lines)
    assert stocks(shop, items) == [10 - taken[item] for item in items]
    assert shop.open_leases() == []


def test_baskets_and_orders_of_one_line_and_cancellations_at_once_add_up(shop: Shop) -> None:
    x, y, z = items = shelf(shop, 30, 30, 30)
    processes = [shop.process(), shop.process()]
    first = processes[0]
    done = [first.move(first.place_basket((x, 2), (z, 1))) for _ in range(3)]
    backing = [cancelling(first, order) for order in done]
    taking = [
        *(first.place_basket((y, 2), (x, 1)) for _ in range(4)),
        *(first.place_basket((z, 1), (y, 1), (x, 1)) for _ in range(3)),
        *(first.place(item) for item in items for _ in range(2)),
    ]
    moved = move_all(processes, [*backing, *taking])
    assert {order.status for order in moved[:3]} == {OrderStatus.CANCELLED}
    assert {order.status for order in moved[3:]} == {OrderStatus.COMPLETED}
    assert stocks(shop, items) == [30 - 4 - 3 - 2, 30 - 8 - 3 - 2, 30 - 3 - 2]


@only_absolute
def test_baskets_come_to_their_turn_beside_streams_of_orders_of_each_item_from_another_machine(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, *[100_000] * 3)
    elsewhere, is_over = shop.elsewhere(), threading.Event()

    def buy(item: str) -> int:
        bought = 0
        while not is_over.is_set():
            completed(elsewhere, item)
            bought += 1
        return bought

    with ThreadPoolExecutor(6) as threads:
        streams = {item: [threads.submit(buy, item) for _ in range(2)] for item in items}
        try:
            until(lambda: max(stocks(shop, items)) < 100_000 - 5, "a stream of each")
            for _ in range(6):
                basket = process.place_basket(*each(items))
                assert process.move(basket, 10).status is OrderStatus.COMPLETED
        finally:
            is_over.set()
        bought = [sum(buyer.result() for buyer in streams[item]) for item in items]
    assert stocks(shop, items) == [100_000 - 6 - number for number in bought]


@only_absolute
def test_baskets_of_the_same_items_that_wait_together_share_their_overwrites(
    shop: Shop, process: Process
) -> None:
    x, y = shelf(shop, 20, 20)
    shop.proxy.misbehave(slow(0.4), method="PATCH", times=1)
    baskets = [
        process.place_basket(*(((x, 1), (y, 1)) if n % 2 else ((y, 1), (x, 1)))) for n in range(12)
    ]
    moved = move_all([process], baskets)
    assert {order.status for order in moved} == {OrderStatus.COMPLETED}
    assert stocks(shop, [x, y]) == [8, 8]
    assert len(shop.sent_changes()) < 12


def test_a_cancellation_of_a_basket_that_several_carry_out_gives_each_item_back_once(
    shop: Shop,
) -> None:
    items = shelf(shop, 10, 10, 10)
    processes = [shop.process(), shop.process()]
    done = processes[0].move(processes[0].place_basket(*each(items, 4)))
    asked = cancelling(processes[0], done)
    moved = move_all(processes, [asked] * 6)
    assert {order.status for order in moved} == {OrderStatus.CANCELLED}
    assert stocks(shop, items) == [10, 10, 10]


# --- an inventory in trouble


def test_an_item_whose_inventory_hangs_holds_up_no_order_of_other_items(
    shop: Shop, process: Process
) -> None:
    hanging, well, other = shelf(shop, 10, 10, 10)
    # Of a basket the lowest item hangs: under the conditional contract nothing is taken then.
    shop.proxy.misbehave(HANG_BEFORE, path=hanging)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(process.move, process.place_basket((hanging, 1), (well, 1)), 0.9)
        until(lambda: any(hanging in request for request in shop.proxy.requests), "it hangs")
        assert shop.open_leases() == []
        assert process.move(process.place_basket((other, 1), (well, 1))).status == "COMPLETED"
        completed(process, well)
        assert not held.done()
        assert isinstance(held.exception(), (InventoryUnavailable, OutcomeUnknown))
    assert stocks(shop, [well, other]) == [8, 9]


@pytest.mark.parametrize("fault", [ERROR_AFTER, CUT_AFTER, HANG_AFTER], ids=str)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_change_of_one_line_that_was_carried_out_and_not_confirmed_counts_once(
    place: int, fault: Fault, shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10)
    shop.proxy.misbehave(fault, method=shop.changes, path=items[place], times=1)
    done = process.move(process.place_basket(*each(items, 3)))
    assert done.status is OrderStatus.COMPLETED
    assert stocks(shop, items) == [7, 7, 7]


@pytest.mark.parametrize("fault", [CUT_BEFORE, HANG_BEFORE], ids=str)
@pytest.mark.parametrize("place", [0, 2])
def test_a_basket_one_of_whose_changes_may_still_happen_is_unknown_and_recovered_whole(
    place: int, fault: Fault, shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10)
    basket = process.place_basket(*each(items, 3))
    shop.proxy.misbehave(fault, method=shop.changes, path=items[place])
    with pytest.raises(OutcomeUnknown):
        process.move(basket, seconds=0.7)
    promised(process, basket)
    process.end()
    shop.proxy.behave()
    shop.end_lease()
    done = until(lambda: settled(shop.process(), basket), "it is settled")
    assert done.status is OrderStatus.COMPLETED
    assert stocks(shop, items) == [7, 7, 7]


def promised(process: Process, order: Order) -> None:
    """Its caller is told to wait for it."""
    process.adapters.orders.save(process.stored(order).defer(process.adapters.clock.now()))


def test_an_inventory_that_refuses_connections_takes_no_line_of_a_basket(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10)
    basket = process.place_basket(*each(items))
    shop.proxy.refuse()
    with pytest.raises(InventoryUnavailable):
        process.move(basket)
    shop.proxy.accept()
    assert shop.open_leases() == []
    assert process.move(basket).status is OrderStatus.COMPLETED
    assert stocks(shop, items) == [9, 9]


# --- processes that died


@only_absolute
@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_decided_commit_whose_holder_died_at_its_first_overwrite_is_rolled_forward_whole(
    asked: int, shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10)
    basket = process.place_basket(*each(items, 3))
    dead_after_one = shop.process(lambda adapters: replace(adapters, absolute=OnlyFirst(adapters)))
    with pytest.raises(OutcomeUnknown):
        dead_after_one.move(basket)
    assert stocks(shop, items) == [7, 10, 10]
    shop.end_lease()
    completed(process, items[asked], 2)
    done = process.stored(basket)
    assert (done.status, half_filled(done)) == (OrderStatus.COMPLETED, False)
    expected = [7, 7, 7]
    expected[asked] -= 2
    assert stocks(shop, items) == expected
    assert shop.open_leases() == []


class OnlyFirst:
    """An inventory that can be overwritten once: its process dies then."""

    def __init__(self, adapters: Adapters) -> None:
        self._inventory, self._sent = adapters.absolute, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inventory, name)

    def overwrite(self, *arguments: Any) -> None:
        self._sent += 1
        if self._sent > 1:
            raise StoreUnavailable("It died.")
        self._inventory.overwrite(*arguments)


@only_absolute
@pytest.mark.parametrize("asked", [0, 1])
def test_a_commit_whose_holder_died_before_its_deciding_write_takes_nothing(
    asked: int, shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10)
    basket = process.place_basket(*each(items, 3))
    undecided = shop.process(lambda adapters: replace(adapters, leases=DiesUndecided(adapters)))
    with pytest.raises(OutcomeUnknown):
        undecided.move(basket)
    assert shop.open_leases() == items[:1]
    shop.end_lease()
    completed(process, items[asked], 2)
    assert process.recover(basket).failure == Failure(FailureCode.ABANDONED)
    assert sum(stocks(shop, items)) == 18
    completed(process, items[0])
    assert shop.open_leases() == []


class DiesUndecided:
    """Leases of which no primary can be taken: its process dies then."""

    def __init__(self, adapters: Adapters) -> None:
        self._leases: LeaseStore = adapters.leases

    def __getattr__(self, name: str) -> Any:
        return getattr(self._leases, name)

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        raise StoreUnavailable("It died.")


def test_a_basket_that_was_never_sent_is_given_up_and_takes_no_stock(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10)
    basket = process.place_basket(*each(items, 3))
    assert process.recover(basket).failure == Failure(FailureCode.ABANDONED)
    assert shop.process().move(basket).status is OrderStatus.FAILED
    assert stocks(shop, items) == [10, 10]


def test_a_promised_basket_whose_stock_went_is_completed_after_the_crash(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10, price="2.50")
    basket = process.place_basket(*each(items, 3))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(basket)
    assert stocks(shop, items) == [7, 7, 7]
    promised(process, basket)
    shop.end_lease()
    done = process.recover(basket)
    assert (done.status, done.total_price) == (OrderStatus.COMPLETED, Decimal("22.50"))
    assert stocks(shop, items) == [7, 7, 7]


def test_processes_that_recover_one_basket_at_once_do_no_harm(shop: Shop, process: Process) -> None:
    items = shelf(shop, 10, 10, 10)
    basket = process.place_basket(*each(items, 3))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(basket)
    promised(process, basket)
    shop.end_lease()
    with ThreadPoolExecutor(4) as threads:
        several = [threads.submit(settled, shop.process(), basket) for _ in range(4)]
        for one in several:
            one.exception()
    assert until(lambda: settled(process, basket), "it is settled").status == "COMPLETED"
    assert stocks(shop, items) == [7, 7, 7]


def test_a_cancellation_of_a_basket_that_a_crash_left_open_gives_each_item_back_once(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10)
    asked = cancelling(process, process.move(process.place_basket(*each(items, 3))))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(asked)
    assert stocks(shop, items) == [10, 10]
    shop.end_lease()
    assert process.recover(asked).status is OrderStatus.CANCELLED
    assert stocks(shop, items) == [10, 10]


# --- another writer


@only_absolute
def test_a_basket_one_of_whose_stocks_somebody_else_wrote_is_stuck_with_that_line(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10)
    basket = process.place_basket(*each(items, 3))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(basket)
    shop.items.set_stock(items[1], 50)
    shop.end_lease()
    marked = process.recover(basket)
    assert (marked.phase, marked) == (OrderPhase.TAKING_STUCK, process.stored(basket))
    assert marked.stuck is not None
    assert marked.stuck.items == (items[1],)
    assert f"item {items[1]} was to go from 10 to 7 and is 50" in marked.stuck.reason
    assert [line.taken is not None for line in marked.lines] == [True, False, True]
    assert process.adapters.orders.stuck(10) == [marked]
    # It holds up nobody else.
    assert process.move(process.place_basket(*each(items))).status is OrderStatus.COMPLETED
    process.adapters.changes.append([our_change(items[1], 10, 7)])
    freed = process.recover(basket)
    assert (freed.status, freed.stuck) == (OrderStatus.COMPLETED, None)
    assert stocks(shop, items) == [6, 49, 6]


@only_absolute
def test_a_basket_that_a_person_fails_gives_back_the_lines_that_are_known_to_be_taken(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10)
    basket = process.place_basket(*each(items, 3))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(basket)
    shop.items.set_stock(items[1], 50)
    shop.end_lease()
    word = Decision(OrderStatus.FAILED, "I counted.", process.adapters.clock.now())
    given_up = process.adapters.orders.save(process.recover(basket).decide(word))
    assert given_up.phase is OrderPhase.GIVEN_UP
    failed = process.recover(basket)
    assert (failed.status, failed.failure) == (OrderStatus.FAILED, Failure(FailureCode.DECIDED))
    assert stocks(shop, items) == [10, 50, 10]


# --- time


def test_a_basket_waits_for_the_inventory_no_longer_than_its_deadline(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, *[10] * 5)
    shop.proxy.misbehave(HANG_BEFORE)
    began = time.monotonic()
    with pytest.raises((InventoryUnavailable, OutcomeUnknown)):
        process.move(process.place_basket(*each(items)), seconds=0.3)
    assert time.monotonic() - began < 1.9


@only_absolute
def test_a_basket_whose_item_somebody_holds_gives_up_at_its_deadline_with_nothing_taken(
    shop: Shop, process: Process
) -> None:
    items = shelf(shop, 10, 10, 10)
    leases = process.adapters.leases
    [seen] = leases.look(items[1:2])
    assert leases.acquire_all([seen], Primary(NOBODY, 1)) != [None]
    basket = process.place_basket(*each(items))
    with pytest.raises((InventoryUnavailable, OutcomeUnknown)):
        process.move(basket, seconds=0.5)
    process.end()
    assert process.stored(basket).status is OrderStatus.PENDING
    assert shop.open_leases() == items[1:2]
    assert shop.sent_changes() == []
