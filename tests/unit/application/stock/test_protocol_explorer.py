"""Every way one create or cancel can be disturbed, tried out: a crash, a pause past the lease while
another process serves, and each error, before and after the effect of each call of a port, and the
same again in whoever recovers. After each the promises must hold.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.create import CreateOrder, CreateOrderCommand
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.stock.leased import LeasedStock
from order_service.application.stock.operations import OperationStock
from order_service.domain.errors import (
    InventoryUnavailable,
    OrderServiceError,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from tests.unit.fakes import (
    ITEM,
    FakeChanges,
    FakeClock,
    FakeInventory,
    FakeLeases,
    FakeOrders,
    FakeTurns,
    InlineExecutor,
)

INITIAL = 10
LEASE_SECONDS = 10


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class World:
    """What outlives a process."""

    clock: FakeClock = field(default_factory=FakeClock)
    orders: FakeOrders = field(default_factory=FakeOrders)

    def __post_init__(self) -> None:
        self.leases = FakeLeases(self.clock, LEASE_SECONDS)
        self.inventory = FakeInventory(INITIAL, self.clock)
        self.changes = FakeChanges(self.inventory)
        self.answered: list[Order] = []
        self.refused: set[str] = set()


class Tripwire:
    """Counts the calls of a process's ports and disturbs one: ``happen`` runs there once."""

    def __init__(self, at: int = -1, after: bool = False, happen: Any = None) -> None:
        self.calls = 0
        self.happened = False
        self._at = at
        self._after = after
        self._happen = happen

    def around(self, port: object) -> Any:
        return _Wired(self, port)

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        number, self.calls = self.calls, self.calls + 1
        hit = number == self._at
        if hit and not self._after:
            self._disturb(port)
        result = getattr(port, name)(*args)
        if hit and self._after:
            self._disturb(port)
        return result

    def _disturb(self, port: object) -> None:
        self.happened = True
        self._happen(port)


class _Wired:
    def __init__(self, wire: Tripwire, port: object) -> None:
        self._wire = wire
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args: self._wire.call(self._port, name, args)


class Process:
    def __init__(self, world: World, wire: Tripwire, contract: str) -> None:
        self.world = world
        orders = wire.around(world.orders)
        inventory = wire.around(world.inventory)
        clock, executor = world.clock, InlineExecutor()
        stock: Any
        if contract == "absolute":
            leases = wire.around(world.leases)
            stock = LeasedStock(
                inventory,
                leases,
                orders,
                world.changes,
                FakeTurns(),
                clock,
                executor,
                executor,
                LEASE_SECONDS,
            )
        else:
            stock = OperationStock(inventory, orders, clock, executor, executor)
        self.stock = stock
        self._create = CreateOrder(orders, stock, clock, 7, timedelta(days=1))
        self._cancel = CancelOrder(orders, stock, clock, 7)
        self.settle = SettleOrders(orders, stock, clock, Overdue(timedelta(seconds=12), 5))

    def create(self, quantity: int) -> None:
        known = set(self.world.orders.by_id)
        try:
            result = self._create(CreateOrderCommand([Line(ITEM, quantity)]))
        except Unavailable:
            self.world.refused |= {
                order.id
                for order in self.world.orders.by_id.values()
                if order.id not in known and order.lines[0].quantity == quantity
            }
            raise
        if not result.deferred:
            self.world.answered.append(result.order)

    def cancel(self, order: Order) -> None:
        result = self._cancel(order.id)
        if not result.deferred:
            self.world.answered.append(result.order)


def _raise(error: BaseException) -> Callable[[object], None]:
    def happen(port: object) -> None:
        raise error

    return happen


def _lose_the_answer(before: bool) -> Callable[[object], None]:
    """What a port's own adapter would raise when its server fails there."""

    def happen(port: object) -> None:
        if not isinstance(port, FakeInventory):
            raise StoreUnavailable("down")
        raise InventoryUnavailable("refused") if before else OutcomeUnknown("cut", in_flight=True)

    return happen


def _answer_500(port: object) -> None:
    if isinstance(port, FakeInventory):
        raise OutcomeUnknown("500", in_flight=False)


Disturbance = tuple[str, bool, Callable[[World], Callable[[object], None]]]


def _disturbances(contract: str) -> list[Disturbance]:
    def pause(world: World) -> Callable[[object], None]:
        def happen(port: object) -> None:
            world.clock.sleep(LEASE_SECONDS + 5)
            other = Process(world, Tripwire(), contract)
            other.settle()
            _quietly(lambda: other.create(2))

        return happen

    return [
        ("crash before", False, lambda world: _raise(Crash())),
        ("crash after", True, lambda world: _raise(Crash())),
        ("refused", False, lambda world: _lose_the_answer(before=True)),
        ("answer lost", True, lambda world: _lose_the_answer(before=False)),
        ("500 before", False, lambda world: _answer_500),
        ("500 after", True, lambda world: _answer_500),
        ("paused before", False, pause),
        ("paused after", True, pause),
    ]


def _quietly(act: Callable[[], object]) -> None:
    try:
        act()
    except (Crash, OrderServiceError):
        return


def _runs(
    contract: str, act: Callable[[Process], None], arrange: Callable[[World], None]
) -> Iterator[tuple[str, World]]:
    """Disturb the act at every call, then the recovery after it at every call."""
    for name, after, make in _disturbances(contract):
        for at in range(1000):
            world, hit = _disturbed(contract, act, arrange, (at, after, make))
            if not hit:
                break
            yield f"{name} call {at}", world
            for again, again_after, make_again in _disturbances(contract):
                for at_again in range(1000):
                    world, _ = _disturbed(contract, act, arrange, (at, after, make))
                    wire = Tripwire(at_again, again_after, make_again(world))
                    world.clock.sleep(30)
                    _quietly(Process(world, wire, contract).settle)
                    if not wire.happened:
                        break
                    yield f"{name} call {at}, then {again} call {at_again} of recovery", world


def _disturbed(
    contract: str,
    act: Callable[[Process], None],
    arrange: Callable[[World], None],
    disturbance: tuple[int, bool, Callable[[World], Callable[[object], None]]],
) -> tuple[World, bool]:
    at, after, make = disturbance
    world = World()
    arrange(world)
    wire = Tripwire(at, after, make(world))
    _quietly(lambda: act(Process(world, wire, contract)))
    return world, wire.happened


def _recover(world: World, contract: str) -> None:
    process = Process(world, Tripwire(), contract)
    for _ in range(4):
        world.clock.sleep(30)
        process.settle()


def _broken_promises(world: World) -> list[str]:
    orders = list(world.orders.by_id.values())
    sold = sum(o.lines[0].quantity for o in orders if o.status is OrderStatus.COMPLETED)
    broken = []
    if INITIAL - world.inventory.stock[ITEM] != sold:
        broken.append(f"stock {world.inventory.stock[ITEM]}, sold {sold} of {INITIAL}")
    if any(order.stock_changes for order in orders):
        broken.append("an order still waits")
    broken += [
        f"answered {answer.status}, is {world.orders.by_id[answer.id].status}"
        for answer in world.answered
        if world.orders.by_id[answer.id].status is not answer.status
    ]
    if any(world.orders.by_id[each].status is OrderStatus.COMPLETED for each in world.refused):
        broken.append("answered 503, and stock was deducted")
    for order in orders:
        told = [event.status for event in world.orders.outbox[order.id]]
        if len(told) != len(set(told)) or told[-1] != order.status:
            broken.append(f"{order.status} told as {told}")
    return broken


def _check(contract: str, act: Callable[[Process], None], arrange: Callable[[World], None]) -> None:
    runs = 0
    for name, world in _runs(contract, act, arrange):
        _recover(world, contract)
        assert not _broken_promises(world), name
        runs += 1
    assert runs > 100


@pytest.mark.parametrize("contract", ["absolute", "conditional"])
def test_a_create_disturbed_anywhere_keeps_every_promise(contract: str) -> None:
    _check(contract, lambda process: process.create(3), lambda world: None)


@pytest.mark.parametrize("contract", ["absolute", "conditional"])
def test_a_cancellation_disturbed_anywhere_keeps_every_promise(contract: str) -> None:
    def arrange(world: World) -> None:
        Process(world, Tripwire(), contract).create(3)
        world.answered.clear()

    def act(process: Process) -> None:
        process.cancel(next(iter(process.world.orders.by_id.values())))

    _check(contract, act, arrange)


@pytest.mark.parametrize("contract", ["absolute", "conditional"])
def test_a_cancellation_of_what_a_disturbed_create_left_keeps_every_promise(contract: str) -> None:
    def act(process: Process) -> None:
        world = process.world
        _quietly(lambda: process.create(3))
        world.answered.clear()
        world.clock.sleep(LEASE_SECONDS + 5)
        for order in list(world.orders.by_id.values()):
            _quietly(lambda order=order: Process(world, Tripwire(), contract).cancel(order))  # type: ignore[misc]

    _check(contract, act, lambda world: None)


class SlowCreator:
    """Goes on with its order in a thread of its own, up to and including its call ``until``; the
    rest when it is told to."""

    def __init__(self, world: World, contract: str, order: Order, until: int) -> None:
        self._paused, self._may_end = threading.Event(), threading.Event()
        process = Process(world, Tripwire(until, True, self._wait), contract)
        deadline = world.clock.monotonic() + 7
        self._thread = threading.Thread(target=self._move, args=(process, order, deadline))

    def _move(self, process: Process, order: Order, deadline: float) -> None:
        _quietly(lambda: process.stock.move(order, deadline))
        self._paused.set()

    def _wait(self, _: object) -> None:
        self._paused.set()
        assert self._may_end.wait(10)

    def go_on(self) -> None:
        self._thread.start()
        assert self._paused.wait(10)

    def end(self) -> None:
        self._may_end.set()
        if self._thread.ident is not None:
            self._thread.join(10)


@pytest.mark.parametrize("contract", ["absolute", "conditional"])
def test_a_settler_and_the_creator_that_it_gave_up_take_turns_and_keep_every_promise(
    contract: str,
) -> None:
    """The creator stored the order and went no further. While the settler is paused past its lease
    it goes on, is paused in its turn, and ends when the settler has."""
    runs = 0
    for at, until in product(range(12), range(12)):
        world = World()
        placed = Order.place(id="1" * 24, lines=[Line(ITEM, 3)], at=world.clock.now())
        order = world.orders.add(placed)
        world.clock.sleep(30)
        creator = SlowCreator(world, contract, order, until)

        def outlast(_: object, world: World = world, creator: SlowCreator = creator) -> None:
            world.clock.sleep(LEASE_SECONDS + 5)
            creator.go_on()

        wire = Tripwire(at, False, outlast)
        _quietly(Process(world, wire, contract).settle)
        creator.end()
        _recover(world, contract)
        assert not _broken_promises(world), f"settler at call {at}, creator at call {until}"
        runs += wire.happened
    assert runs > 30
