"""Holds and their ends, over both contracts, on a real MongoDB and the real sample inventory."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.change import Asked
from order_service.application.orders.confirm import ConfirmOrder
from order_service.domain.errors import (
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InventoryUnavailable,
    OutcomeUnknown,
)
from order_service.domain.history import EXPIRY, SETTLEMENT, Actor, Change
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.integration.stock.shop import PATIENCE, Process, Shop, dying
from tests.orders import CALLER

# It is over as soon as the stock is taken.
SHORT = Hold(0)


def held(process: Process, *wanted: tuple[str, int]) -> Order:
    order = process.move(process.place_basket(*wanted, hold=SHORT))
    assert order.phase is OrderPhase.HELD
    return order


def confirmed(process: Process, order: Order) -> Order:
    confirm = ConfirmOrder(process.adapters.orders, process.adapters.clock)
    return confirm(Asked(order.id, CALLER))


def cancelled(process: Process, order: Order) -> Order:
    adapters = process.adapters
    cancel = CancelOrder(adapters.orders, process.mover, adapters.clock, PATIENCE)
    return cancel(Asked(order.id, CALLER)).order


def test_a_hold_takes_its_stock_and_its_expiry_gives_the_stock_back(
    shop: Shop, process: Process
) -> None:
    x, y = shop.items.add(stock=10), shop.items.add(stock=10)
    order = held(process, (x, 3), (y, 2))
    assert (shop.items.stock(x), shop.items.stock(y)) == (7, 8)
    assert process.expire() == 1
    assert process.stored(order).status is OrderStatus.EXPIRED
    assert (shop.items.stock(x), shop.items.stock(y)) == (10, 10)
    nobody = Actor.caller(None)
    assert process.history(order) == [
        (Change.ORDER_PLACED, nobody),
        (Change.ORDER_RESERVED, nobody),
        (Change.ORDER_EXPIRY_RECORDED, EXPIRY),
        (Change.ORDER_EXPIRED, EXPIRY),
    ]
    assert process.expire() == 0


def test_holds_that_several_processes_expire_at_once_give_their_stock_back_once(
    shop: Shop,
) -> None:
    x, y = shop.items.add(stock=20), shop.items.add(stock=20)
    processes = [shop.process() for _ in range(3)]
    wanted = [((x, 1),), ((y, 1),), ((x, 1), (y, 1))]
    orders = [held(processes[0], *wanted[n % 3]) for n in range(12)]
    with ThreadPoolExecutor(3) as threads:
        expired = sum(threads.map(Process.expire, processes))
    # What nobody gave back in time waits for settlement.
    for order in orders:
        processes[0].recover(order)
    assert {processes[0].stored(order).status for order in orders} == {OrderStatus.EXPIRED}
    assert expired <= 12
    assert (shop.items.stock(x), shop.items.stock(y)) == (20, 20)


def test_an_expiry_that_a_crash_left_open_gives_the_stock_back_once(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = held(process, (item, 3))
    assert process.expire(shop.process(dying).mover) == 0
    assert process.stored(order).phase is OrderPhase.EXPIRING
    assert shop.items.stock(item) == 10
    shop.end_lease(item)
    assert shop.process(by=SETTLEMENT).recover(order).status is OrderStatus.EXPIRED
    assert shop.items.stock(item) == 10
    assert process.history(order)[-1] == (Change.ORDER_EXPIRED, SETTLEMENT)


def test_a_late_creator_takes_no_stock_of_an_order_that_was_held_and_has_expired(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    order = process.place_basket((item, 3), hold=SHORT)
    order = process.adapters.orders.save(order.defer(process.adapters.clock.now()))
    with pytest.raises(OutcomeUnknown):
        shop.process(dying).move(order)
    shop.end_lease(item)
    assert process.recover(order).phase is OrderPhase.HELD
    assert process.expire() == 1
    assert shop.process().move(order).status is OrderStatus.EXPIRED
    assert shop.items.stock(item) == 10


def test_a_hold_stays_while_the_inventory_is_away_and_can_be_confirmed_meanwhile(
    shop: Shop, process: Process
) -> None:
    item = shop.items.add(stock=10)
    paid, abandoned = (held(process, (item, n)) for n in (3, 4))
    shop.proxy.refuse()
    with pytest.raises(InventoryUnavailable):
        process.expire()
    assert process.stored(abandoned) == abandoned
    assert confirmed(process, paid).status is OrderStatus.COMPLETED
    shop.proxy.accept()
    assert process.expire() == 1
    assert shop.items.stock(item) == 7


def told(act: Callable[[], Order]) -> type[IllegalMove] | OrderStatus:
    try:
        return act().status
    except IllegalMove as error:
        return type(error)


# Who won, and what the other two are told then.
WINNERS = {
    OrderStatus.COMPLETED: {"confirm": OrderStatus.COMPLETED, "cancel": HoldConfirmed},
    OrderStatus.EXPIRED: {"confirm": HoldExpired, "cancel": HoldExpired},
    OrderStatus.CANCELLED: {"confirm": HoldCancelled, "cancel": OrderStatus.CANCELLED},
}


def test_of_a_confirmation_an_expiry_and_a_cancellation_at_once_exactly_one_wins(
    shop: Shop,
) -> None:
    item = shop.items.add(stock=100)
    processes = [shop.process() for _ in range(3)]
    ended: Counter[OrderStatus] = Counter()
    with ThreadPoolExecutor(3) as threads:
        for _ in range(30):
            order = held(processes[0], (item, 1))
            expiry = threads.submit(processes[1].expire)
            confirm = threads.submit(told, partial(confirmed, processes[0], order))
            cancel = threads.submit(told, partial(cancelled, processes[2], order))
            answers = {"confirm": confirm.result(), "cancel": cancel.result()}
            expiry.result()
            status = processes[0].recover(order).status
            ended[status] += 1
            if answers["cancel"] is OrderStatus.CANCELLED and status is OrderStatus.CANCELLED:
                # The sale was taken back: the cancellation came after the confirmation.
                assert answers["confirm"] in (HoldCancelled, OrderStatus.COMPLETED)
            else:
                assert answers == WINNERS[status]
    assert ended.total() == 30
    assert shop.items.stock(item) == 100 - ended[OrderStatus.COMPLETED]
