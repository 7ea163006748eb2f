"""Moving the stock of held orders, over both contracts, and who is told to have done it."""

from datetime import timedelta

import pytest

from order_service.domain.errors import HoldExpired
from order_service.domain.history import EXPIRY, SETTLEMENT, Actor, Change
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase, OrderStatus
from tests.unit.application.stock.exploring import check_promises
from tests.unit.application.stock.processes import Process, Slow, quietly
from tests.unit.application.stock.wires import DiesAt, Recording
from tests.unit.application.stock.world import CANCELS, CUSTOMER, HOLD, LONG, A, B, C, World

BASKET = (A, 3), (B, 2)
BY_CUSTOMER = Actor.caller(CUSTOMER)


@pytest.fixture(params=["absolute", "conditional"])
def contract(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


@pytest.fixture
def world() -> World:
    return World()


def held(world: World, contract: str) -> Order:
    Process(world, contract).create(*BASKET, hold=HOLD)
    return world.placed(0)


def over(world: World, contract: str) -> Order:
    order = held(world, contract)
    world.clock.sleep(HOLD)
    return order


def settle_later(world: World, contract: str) -> None:
    world.clock.sleep(30)
    Process(world, contract).settle()


def told(world: World) -> list[tuple[Change, Actor | None]]:
    [history] = world.orders.history.values()
    return [(entry.event, entry.by) for entry in history]


def test_a_hold_takes_its_stock_and_counts_from_then(world: World, contract: str) -> None:
    order = held(world, contract)
    assert order.phase is OrderPhase.HELD
    assert order.held_until == world.clock.now() + timedelta(seconds=HOLD)
    assert world.inventory.stock == {A: 7, B: 8, C: 10}


def test_a_hold_that_settlement_finishes_counts_from_then(world: World, contract: str) -> None:
    order = world.place(*BASKET, hold=HOLD)
    world.orders.save(order.defer(world.clock.now()))
    deadline = world.clock.monotonic() + 5
    # All overwrites, or operations, went out.
    wire = DiesAt("save_all", after=False)
    quietly(lambda: Process(world, contract, wire).move(world.placed(0), deadline))
    settle_later(world, contract)
    order = world.placed(0)
    assert order.settled_at is not None
    assert order.settled_at >= order.created_at + timedelta(seconds=30)
    assert order.held_until == order.settled_at + timedelta(seconds=HOLD)
    assert told(world)[-1] == (Change.ORDER_RESERVED, SETTLEMENT)


def test_settlement_leaves_a_held_order_alone_although_its_hold_is_over(
    world: World, contract: str
) -> None:
    order = over(world, contract)
    world.clock.sleep(LONG)
    process = Process(world, contract)
    assert process.settle() == 0
    assert process.stock.recover(order, world.clock.monotonic() + 5) == order
    assert world.placed(0) == order
    assert world.inventory.stock == {A: 7, B: 8, C: 10}


def test_an_expiry_gives_the_stock_back_and_is_told_as_its_own(world: World, contract: str) -> None:
    over(world, contract)
    assert Process(world, contract).expire() == 1
    assert world.inventory.stock == {A: 10, B: 10, C: 10}
    assert told(world) == [
        (Change.ORDER_PLACED, BY_CUSTOMER),
        (Change.ORDER_RESERVED, BY_CUSTOMER),
        (Change.ORDER_EXPIRY_RECORDED, EXPIRY),
        (Change.ORDER_EXPIRED, EXPIRY),
    ]


def test_an_expiry_at_which_the_clock_is_set_back_a_little_is_recorded(
    world: World, contract: str
) -> None:
    over(world, contract)
    wire = Recording(check=lambda: world.clock.sleep(-0.5))
    assert Process(world, contract, wire).expire() == 1
    check_promises(world, contract, "set back")


def test_an_expiry_whose_process_died_at_the_record_is_finished_by_settlement(
    world: World, contract: str
) -> None:
    order = over(world, contract)
    quietly(Process(world, contract, DiesAt("save_all", after=True)).expire)
    assert world.placed(0).phase is OrderPhase.EXPIRING
    with pytest.raises(HoldExpired):
        Process(world, contract).confirm(order)
    settle_later(world, contract)
    assert world.inventory.stock == {A: 10, B: 10, C: 10}
    assert told(world)[-1] == (Change.ORDER_EXPIRED, SETTLEMENT)


def test_an_expiry_whose_process_died_at_an_overwrite_is_finished_by_who_wants_the_item(
    world: World,
) -> None:
    over(world, "absolute")
    quietly(Process(world, "absolute", DiesAt("overwrite", after=True)).expire)
    assert world.inventory.stock == {A: 10, B: 8, C: 10}
    world.clock.sleep(LONG)
    order = world.placed(0)
    Process(world, "absolute").create((B, 1))
    assert world.placed(0).status is OrderStatus.EXPIRED
    last = world.orders.history[order.id][-1]
    assert (last.event, last.by) == (Change.ORDER_EXPIRED, SETTLEMENT)
    assert world.inventory.stock == {A: 10, B: 9, C: 10}


def test_a_cancellation_of_a_hold_is_told_as_done_by_who_cancelled(
    world: World, contract: str
) -> None:
    order = held(world, contract)
    Process(world, contract).cancel(order)
    assert told(world)[-2:] == [
        (Change.ORDER_CANCEL_REQUESTED, CANCELS),
        (Change.ORDER_CANCELLED, CANCELS),
    ]


@pytest.mark.parametrize(
    ("contract", "stops_at"),
    [
        *[("absolute", each) for each in ("acquire", "overwrite", "save_all")],
        *[("conditional", each) for each in ("deduct", "save_all")],
    ],
)
def test_a_late_creator_moves_no_stock_of_an_order_that_has_expired(
    contract: str, stops_at: str, world: World
) -> None:
    order = world.orders.save(world.place(*BASKET, hold=HOLD).defer(world.clock.now()))
    deadline = world.clock.monotonic() + 120
    late = Slow(world, contract, lambda process: process.move(order, deadline), [stops_at])
    late.go_on()
    settle_later(world, contract)
    world.clock.sleep(HOLD)
    Process(world, contract).expire()
    expired, changes = world.placed(0), list(world.inventory.changes)
    assert (late.times_stopped, expired.status) == (1, OrderStatus.EXPIRED)
    late.end()
    assert world.placed(0) == expired
    assert world.inventory.changes == changes
    check_promises(world, contract, stops_at)


def test_a_late_creator_of_an_order_that_is_expiring_leaves_its_return_to_others(
    world: World, contract: str
) -> None:
    order = world.orders.save(world.place(*BASKET, hold=HOLD).defer(world.clock.now()))
    deadline = world.clock.monotonic() + 120
    stop = "overwrite" if contract == "absolute" else "deduct"
    late = Slow(world, contract, lambda process: process.move(order, deadline), [stop])
    late.go_on()
    settle_later(world, contract)
    world.clock.sleep(HOLD)
    quietly(Process(world, contract, DiesAt("save_all", after=True)).expire)
    late.end()
    assert world.placed(0).phase is OrderPhase.EXPIRING
    check_promises(world, contract, "late")
    assert world.placed(0).status is OrderStatus.EXPIRED
