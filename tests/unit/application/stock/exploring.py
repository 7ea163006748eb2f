"""What an exploration of the stock protocol is made of: a world that outlives processes, processes
whose calls can be disturbed or paused, and the promises that must hold in the end.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.create import CreateOrder, CreateOrderCommand
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.stock.lease import Lease, Primary
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
    FakeChanges,
    FakeClock,
    FakeInventory,
    FakeLeases,
    FakeOrders,
    FakeTurns,
    InlineExecutor,
)

A, B, C = "a" * 24, "b" * 24, "c" * 24
ITEMS = (A, B, C)
INITIAL = 10
LEASE_SECONDS = 10
# Longer than a lease, and longer than an order waits before settlement takes the order up.
LONG = LEASE_SECONDS + 5

# Items and quantities, in the order in which the customer gives them.
Wanted = Sequence[tuple[str, int]]


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


class RacedLeases(FakeLeases):
    """``races``: what others do right before the first leases of several items are taken, then
    before the next."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__(clock, seconds)
        self.races: list[Callable[[], object]] = []

    def acquire_all(self, seen: Sequence[Lease], primary: Primary) -> list[Lease | None]:
        if self.races:
            self.races.pop(0)()
        return super().acquire_all(seen, primary)


@dataclass
class World:
    """What outlives a process. ``answered``: the orders as their callers were shown them;
    ``cancelled``: the ids of those somebody asked to cancel; ``refused``: of those whose callers
    were told that nothing was deducted."""

    clock: FakeClock = field(default_factory=FakeClock)
    orders: FakeOrders = field(default_factory=FakeOrders)

    def __post_init__(self) -> None:
        self.leases = RacedLeases(self.clock, LEASE_SECONDS)
        self.inventory = FakeInventory(INITIAL, self.clock, ITEMS)
        self.changes = FakeChanges(self.inventory)
        self.answered: list[Order] = []
        self.cancelled: set[str] = set()
        self.refused: set[str] = set()
        self.initial = dict(self.inventory.stock)

    def has(self, item_id: str, stock: int) -> None:
        self.inventory.stock[item_id] = self.initial[item_id] = stock

    def place(self, *wanted: tuple[str, int]) -> Order:
        """An order that its creator stored, and with which the creator went no further."""
        lines = [Line(item_id, quantity) for item_id, quantity in wanted]
        placed = Order.place(id=self.orders.next_id(), lines=lines, at=self.clock.now())
        return self.orders.add(placed)


Happening = Callable[[object], None]


class Tripwire:
    """Counts the calls of a process's ports and disturbs one: ``happen`` runs there once."""

    def __init__(
        self, at: int = -1, after: bool = False, happen: Happening = lambda port: None
    ) -> None:
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
    def __init__(self, world: World, contract: str, wire: Tripwire | None = None) -> None:
        self.world = world
        wire = wire or Tripwire()
        orders = wire.around(world.orders)
        inventory = wire.around(world.inventory)
        clock, executor = world.clock, InlineExecutor()
        self.stock: Any
        if contract == "absolute":
            self.stock = LeasedStock(
                inventory,
                wire.around(world.leases),
                orders,
                wire.around(world.changes),
                FakeTurns(),
                clock,
                executor,
                executor,
                LEASE_SECONDS,
            )
        else:
            self.stock = OperationStock(inventory, orders, clock, executor, executor)
        self._create = CreateOrder(orders, self.stock, clock, 7, timedelta(days=1))
        self._cancel = CancelOrder(orders, self.stock, clock, 7)
        self.settle = SettleOrders(orders, self.stock, clock, Overdue(timedelta(seconds=12), 5))

    def create(self, *wanted: tuple[str, int]) -> None:
        known = set(self.world.orders.by_id)
        lines = [Line(item_id, quantity) for item_id, quantity in wanted]
        try:
            result = self._create(CreateOrderCommand(lines))
        except Unavailable:
            self.world.refused |= {
                order.id
                for order in self.world.orders.by_id.values()
                if order.id not in known and wanted_by(order) == list(wanted)
            }
            raise
        if not result.deferred:
            self.world.answered.append(result.order)

    def cancel(self, order: Order) -> None:
        self.world.cancelled.add(order.id)
        result = self._cancel(order.id)
        if not result.deferred:
            self.world.answered.append(result.order)

    def cancel_all(self) -> None:
        for order in list(self.world.orders.by_id.values()):
            quietly(lambda order=order: self.cancel(order))  # type: ignore[misc]


Act = Callable[[Process], object]


def wanted_by(order: Order) -> list[tuple[str, int]]:
    return [(line.item_id, line.quantity) for line in order.lines]


def quietly(act: Callable[[], object]) -> None:
    try:
        act()
    except (Crash, OrderServiceError):
        return


class Slow:
    """A process that acts in a thread of its own and stops after each call of its ports that
    ``stops`` names, by its number or its name, until it is told to go on."""

    def __init__(self, world: World, contract: str, act: Act, stops: Sequence[int | str]) -> None:
        self._stopped, self._told = threading.Semaphore(0), threading.Semaphore(0)
        self._stops = set(stops)
        self.times_stopped = 0
        self._process = Process(world, contract, _Stopping(self))
        self._thread = threading.Thread(target=self._run, args=(act,))

    def _run(self, act: Act) -> None:
        quietly(lambda: act(self._process))
        self._stopped.release()

    def called(self, number: int, name: str) -> None:
        if number in self._stops or name in self._stops:
            self.times_stopped += 1
            self._stopped.release()
            assert self._told.acquire(timeout=10)

    def go_on(self) -> None:
        """Until it stops, or ends."""
        if self._thread.ident is None:
            self._thread.start()
        elif self._thread.is_alive():
            self._told.release()
        else:
            return
        assert self._stopped.acquire(timeout=10)

    def end(self) -> None:
        """It goes on to its end; nothing, where it never began."""
        if self._thread.ident is None:
            return
        self._stops.clear()
        self._told.release(len(ITEMS))
        self._thread.join(10)
        assert not self._thread.is_alive()


class _Stopping(Tripwire):
    def __init__(self, slow: Slow) -> None:
        super().__init__()
        self._slow = slow

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        number, self.calls = self.calls, self.calls + 1
        result = getattr(port, name)(*args)
        self._slow.called(number, name)
        return result


# --- disturbances


def crash(_: object) -> None:
    raise Crash


def _lose_the_answer(before: bool) -> Happening:
    """What a port's own adapter would raise when its server fails there."""

    def happen(port: object) -> None:
        if not isinstance(port, FakeInventory):
            raise StoreUnavailable("down")
        raise InventoryUnavailable("refused") if before else OutcomeUnknown("cut", in_flight=True)

    return happen


def _answer_500(port: object) -> None:
    if isinstance(port, FakeInventory):
        raise OutcomeUnknown("500", in_flight=False)


@dataclass(frozen=True)
class Disturbance:
    name: str
    after: bool
    happening: Callable[[World], Happening]


@dataclass(frozen=True)
class Scenario:
    """``act``: what is disturbed; ``arrange``: what was before; ``meanwhile``: what another process
    does, after it has settled, while the act or its recovery is paused. ``every``: each how manieth
    call of the recovery is disturbed too, beginning at random."""

    contract: str
    act: Act
    arrange: Callable[[World], None] = lambda world: None
    meanwhile: Act = lambda process: None
    every: int = 1

    def disturbances(self) -> list[Disturbance]:
        def pause(world: World) -> Happening:
            def happen(port: object) -> None:
                world.clock.sleep(LONG)
                other = Process(world, self.contract)
                quietly(other.settle)
                quietly(lambda: self.meanwhile(other))

            return happen

        return [
            Disturbance("crash before", False, lambda world: crash),
            Disturbance("crash after", True, lambda world: crash),
            Disturbance("refused", False, lambda world: _lose_the_answer(before=True)),
            Disturbance("answer lost", True, lambda world: _lose_the_answer(before=False)),
            Disturbance("500 before", False, lambda world: _answer_500),
            Disturbance("500 after", True, lambda world: _answer_500),
            Disturbance("paused before", False, pause),
            Disturbance("paused after", True, pause),
        ]

    def runs(self) -> Iterator[tuple[str, World]]:
        """The act disturbed at every call, and then the recovery after it."""
        random = Random(7)
        for first in self.disturbances():
            for at in range(1000):
                world, hit = self._disturbed(first, at)
                if not hit:
                    break
                yield f"{first.name} call {at}", world
                for second in self.disturbances():
                    for at_again in range(random.randrange(self.every), 1000, self.every):
                        world, _ = self._disturbed(first, at)
                        wire = Tripwire(at_again, second.after, second.happening(world))
                        world.clock.sleep(30)
                        quietly(Process(world, self.contract, wire).settle)
                        if not wire.happened:
                            break
                        name = f"{first.name} call {at}, then {second.name} call {at_again}"
                        yield f"{name} of recovery", world

    def _disturbed(self, disturbance: Disturbance, at: int) -> tuple[World, bool]:
        world = World()
        self.arrange(world)
        wire = Tripwire(at, disturbance.after, disturbance.happening(world))
        quietly(lambda: self.act(Process(world, self.contract, wire)))
        return world, wire.happened

    def check(self) -> None:
        runs = 0
        for name, world in self.runs():
            recover(world, self.contract)
            assert not broken_promises(world, self.contract), name
            runs += 1
        assert runs > 100


def recover(world: World, contract: str) -> None:
    process = Process(world, contract)
    for _ in range(4):
        world.clock.sleep(30)
        process.settle()


# --- the promises


def broken_promises(world: World, contract: str) -> list[str]:
    return [
        *_unequal_stocks(world),
        *_half_filled(world),
        *_unkept_answers(world),
        *_wrong_events(world),
        *_unexplained_changes(world, contract),
    ]


def _unequal_stocks(world: World) -> Iterator[str]:
    orders = world.orders.by_id.values()
    for item_id, stock in world.inventory.stock.items():
        sold = sum(
            quantity
            for order in orders
            if order.status is OrderStatus.COMPLETED
            for wanted, quantity in wanted_by(order)
            if wanted == item_id
        )
        if world.initial[item_id] - stock != sold:
            yield f"{item_id[0]}: stock {stock}, sold {sold} of {world.initial[item_id]}"


def _half_filled(world: World) -> Iterator[str]:
    expected = {
        OrderStatus.COMPLETED: ({(True, False)}),
        OrderStatus.CANCELLED: ({(True, True)}),
        OrderStatus.FAILED: ({(False, False), (True, True)}),
    }
    for order in world.orders.by_id.values():
        if not order.phase.is_settled:
            yield f"an order still waits: {order}"
        else:
            moves = {(line.taken is not None, line.returned is not None) for line in order.lines}
            if not moves <= expected[order.status]:
                yield f"{order.status} with lines moved so: {moves}"


def _unkept_answers(world: World) -> Iterator[str]:
    for answer in world.answered:
        now = world.orders.by_id[answer.id].status
        if now is OrderStatus.CANCELLED and answer.id in world.cancelled:
            continue
        if now is not answer.status:
            yield f"answered {answer.status}, is {now}"
    if any(world.orders.by_id[each].status is OrderStatus.COMPLETED for each in world.refused):
        yield "answered 503, and stock was deducted"


def _wrong_events(world: World) -> Iterator[str]:
    for order in world.orders.by_id.values():
        told = [event.status for event in world.orders.outbox.get(order.id, [])]
        if len(told) != len(set(told)) or told[-1:] != [order.status]:
            yield f"{order.status} told as {told}"


def _unexplained_changes(world: World, contract: str) -> Iterator[str]:
    """Each change of stock is one that an order names, so a refused order has caused none."""
    named: set[tuple[str, int, int]] = set()
    for order in world.orders.by_id.values():
        for line in order.lines:
            if contract == "absolute" and order.status is OrderStatus.FAILED and line.taken:
                yield f"a failed order took stock: {order}"
            named |= {
                (line.item_id, move.previous_stock, move.new_stock)
                for move in (line.taken, line.returned)
                if move
            }
    if contract == "absolute":
        yield from (f"{each} was for nobody" for each in set(world.inventory.changes) - named)
