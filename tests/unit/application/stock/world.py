"""A world of the stock protocol that outlives processes, and processes whose calls can be disturbed
or paused.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import count
from typing import Any

from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.change import Asked
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.create import CreateOrder, CreateOrderCommand, HoldLimits
from order_service.application.orders.expire import ExpireOrders
from order_service.application.orders.extend import ExtendHold
from order_service.application.orders.history import Moved
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.place import Place
from order_service.application.stock.lease import Lease, Primary
from order_service.application.stock.leased import LeasedStock
from order_service.application.stock.operations import OperationStock
from order_service.domain.errors import IllegalMove, OrderNotFound, OrderServiceError, Unavailable
from order_service.domain.history import SETTLEMENT, Actor, Change
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase
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
# A hold: longer than a pause, and shorter than the time between two passes of who recovers.
HOLD = LONG + 5

CUSTOMER = "a customer"
CONFIRMS, EXTENDS, CANCELS = (Actor.caller(f"who {verb}") for verb in ("pays", "waits", "cancels"))

# Items and quantities, in the order in which the customer gives them.
Wanted = Sequence[tuple[str, int]]


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


class RacedLeases(FakeLeases):
    """``races``: what others do right before the first leases of several items are taken, then
    before the next."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.clock, LEASE_SECONDS)
        self._world = world
        self.races: list[Callable[[World], object]] = []

    def acquire_all(self, seen: Sequence[Lease], primary: Primary) -> list[Lease | None]:
        if self.races:
            self.races.pop(0)(self._world)
        return super().acquire_all(seen, primary)


class CheckedInventory(FakeInventory):
    def check(self) -> None:
        """It always answers, unless a disturbance is in the way."""


class LoggedMoves:
    """The stock-change log, as a history is told where a change stands."""

    def __init__(self, inventory: FakeInventory) -> None:
        self._inventory = inventory

    def places_of(self, moves: Sequence[Moved]) -> Mapping[Moved, Place]:
        places = {change: Place("stock", 0, n) for n, change in enumerate(self._inventory.changes)}
        found = {
            (item_id, move): places.get((item_id, move.previous_stock, move.new_stock))
            for item_id, move in moves
        }
        return {moved: place for moved, place in found.items() if place is not None}


@dataclass(eq=False)
class Maker:
    """A part of a process that changes orders. ``asked_for``: the ids of the orders for whose sake
    it was called; ``read``: the phase of the order that it read first since it was called."""

    is_settlement: bool = False
    asked_for: set[str] = field(default_factory=set)
    read: OrderPhase | None = None


@dataclass(frozen=True)
class Told:
    """What a caller was told: ``error``, or that what was asked for is done, or will be. ``meant``:
    the order's phase when it was read for the caller."""

    order_id: str
    verb: str
    meant: OrderPhase | None
    error: type[IllegalMove] | None = None


@dataclass
class World:
    """What outlives a process. ``answered``: the orders as their callers were shown them;
    ``cancelled``: the ids of those somebody asked to cancel; ``refused``: of those whose callers
    were told that nothing was deducted; ``told``: what those heard who wanted to change an order.

    ``makers``: who made each version of each order; ``silent``: the versions that changed an order
    and have no entry of history.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    orders: FakeOrders = field(default_factory=FakeOrders)

    def __post_init__(self) -> None:
        self.leases = RacedLeases(self)
        self.inventory = CheckedInventory(INITIAL, self.clock, ITEMS)
        self.changes = FakeChanges(self.inventory)
        self.logged = LoggedMoves(self.inventory)
        self.answered: list[Order] = []
        self.cancelled: set[str] = set()
        self.refused: set[str] = set()
        self.told: list[Told] = []
        self.makers: dict[tuple[str, int], Maker] = {}
        self.silent: list[tuple[str, int]] = []
        self.initial = dict(self.inventory.stock)

    def copy(self) -> "World":
        """Where no process is at work."""
        twin = World()
        parts = [(self, twin), (self.clock, twin.clock), (self.orders, twin.orders)]
        parts += [(self.leases, twin.leases), (self.inventory, twin.inventory)]
        for part, its_twin in parts:
            vars(its_twin).update(_state_of(part))
        return twin

    def has(self, item_id: str, stock: int) -> None:
        self.inventory.stock[item_id] = self.initial[item_id] = stock

    def place(self, *wanted: tuple[str, int], hold: int | None = None) -> Order:
        """An order that its creator stored, and with which the creator went no further."""
        placed = Order.place(
            id=self.orders.next_id(),
            lines=[Line(item_id, quantity) for item_id, quantity in wanted],
            at=self.clock.now(),
            customer_id=CUSTOMER,
            hold=hold and Hold(hold, 1),  # type: ignore[arg-type]
        )
        return self.orders.add(placed)

    def placed(self, number: int) -> Order:
        """The order that was placed as that one, as it is now. Raises OrderNotFound."""
        if number >= len(self.orders.by_id):
            raise OrderNotFound(str(number))
        return list(self.orders.by_id.values())[number]


def _state_of(part: object) -> dict[str, Any]:
    """A copy of what the part keeps itself."""
    state = vars(part).items()
    lists = {name: each for name, each in state if isinstance(each, (list, set, float, count))}
    dicts = {
        name: {key: copy(kept) if isinstance(kept, list) else kept for key, kept in each.items()}
        for name, each in state
        if isinstance(each, dict)
    }
    return {name: copy(each) for name, each in lists.items()} | dicts


class MadeOrders:
    """The orders, as one part of a process sees them: the world keeps what it made of them."""

    def __init__(self, world: World, maker: Maker) -> None:
        self._world, self._orders, self._maker = world, world.orders, maker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def get(self, order_id: str) -> Order | None:
        order = self._orders.get(order_id)
        self._maker.read = self._maker.read or (order and order.phase)
        return order

    def add(self, order: Order) -> Order:
        added = self._orders.add(order)
        self._maker.asked_for.add(order.id)
        self._made(order)
        return added

    def save(self, order: Order) -> Order:
        before = self._orders.by_id[order.id]
        saved = self._orders.save(order)
        self._made(order, before)
        return saved

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        before = {order.id: self._orders.by_id[order.id] for order in orders}
        saved = self._orders.save_all(orders)
        ids = {each.id for each in saved}
        for order in orders:
            if order.id in ids:
                self._made(order, before[order.id])
        return saved

    def _made(self, order: Order, before: Order | None = None) -> None:
        version = order.id, order.version + 1
        self._world.makers[version] = self._maker
        if any(entry.event is Change.ORDER_EXPIRY_RECORDED for entry in order.new_history):
            self._maker.asked_for.add(order.id)
        if not order.new_history and (before is None or _story(order) != _story(before)):
            self._world.silent.append(version)


def _story(order: Order) -> tuple[object, ...]:
    """What changes of an order."""
    marks = order.given_up_at, order.cancel_requested_at, order.stuck, order.decision
    return order.status, order.lines, order.hold, order.deferred, *marks


Happening = Callable[[object], None]


class Tripwire:
    """Counts the calls of a process's ports and disturbs one: ``happen`` runs there once, if the
    port is a ``kind``."""

    def __init__(
        self,
        at: int = -1,
        after: bool = False,
        happen: Happening = lambda port: None,
        kind: type = object,
    ) -> None:
        self.calls = 0
        self.happened = False
        self._at = at
        self._after = after
        self._happen = happen
        self._kind = kind

    @property
    def reached(self) -> bool:
        """Whether there were so many calls."""
        return self.calls > self._at

    def around(self, port: object) -> Any:
        return _Wired(self, port)

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        number, self.calls = self.calls, self.calls + 1
        hit = number == self._at and isinstance(port, self._kind)
        if hit and not self._after:
            self._disturb(port)
        result = getattr(port, name)(*args)
        if hit and self._after:
            self._disturb(port)
        return result

    def _disturb(self, port: object) -> None:
        self.happened = True
        self._happen(port)


class Recording(Tripwire):
    """``calls_made``: each port's call by its name, with its first argument. ``before``: what
    happens right before a call of that name."""

    def __init__(self, **before: Callable[[], object]) -> None:
        super().__init__()
        self.calls_made: list[tuple[str, Any]] = []
        self._before = before

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        self.calls_made.append((name, args[0] if args else None))
        if name in self._before:
            self._before[name]()
        return super().call(port, name, args)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls_made]

    def arguments(self, name: str) -> list[Any]:
        return [argument for called, argument in self.calls_made if called == name]


class DiesAt(Tripwire):
    """Its process dies at its first call of that name, before or after the call takes effect."""

    def __init__(self, name: str, *, after: bool) -> None:
        super().__init__()
        self._name, self._dies_after = name, after

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        if name == self._name and not self._dies_after:
            raise Crash
        result = super().call(port, name, args)
        if name == self._name:
            raise Crash
        return result


class _Wired:
    def __init__(self, wire: Tripwire, port: object) -> None:
        self._wire = wire
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args: self._wire.call(self._port, name, args)


class Process:
    """A process of the API and a worker in one: they share nothing but the wire."""

    def __init__(self, world: World, contract: str, wire: Tripwire | None = None) -> None:
        self.world = world
        self._contract = contract
        self._wire = wire or Tripwire()
        self._executor = InlineExecutor()
        self._inventory = self._wire.around(world.inventory)
        self._api = Maker()
        self.orders = self._wire.around(MadeOrders(world, self._api))

    @cached_property
    def stock(self) -> Any:
        return self._mover(self.orders)

    @cached_property
    def settle(self) -> SettleOrders:
        orders = self._wire.around(MadeOrders(self.world, Maker(is_settlement=True)))
        overdue = Overdue(timedelta(seconds=12), 5)
        return SettleOrders(orders, self._mover(orders, SETTLEMENT), self.world.clock, overdue)

    @cached_property
    def expire(self) -> ExpireOrders:
        orders = self._wire.around(MadeOrders(self.world, Maker()))
        clock, executor = self.world.clock, self._executor
        return ExpireOrders(orders, self._mover(orders), self._inventory, clock, executor, 5)

    def _mover(self, orders: Any, by: Actor | None = None) -> Any:
        world, executor = self.world, self._executor
        if self._contract == "conditional":
            return OperationStock(self._inventory, orders, world.clock, executor, executor, by)
        return LeasedStock(
            self._inventory,
            self._wire.around(world.leases),
            orders,
            self._wire.around(world.changes),
            FakeTurns(),
            world.clock,
            executor,
            executor,
            LEASE_SECONDS,
            by,
        )

    def create(self, *wanted: tuple[str, int], hold: int | None = None) -> None:
        known = set(self.world.orders.by_id)
        lines = [Line(item_id, quantity) for item_id, quantity in wanted]
        command = CreateOrderCommand(lines, CUSTOMER, hold_seconds=hold)
        limits = HoldLimits(seconds=HOLD, for_each_customer=5)
        clock, key_lifetime = self.world.clock, timedelta(days=1)
        create = CreateOrder(self.orders, self.stock, clock, 7, key_lifetime, limits)
        try:
            result = create(command)
        except Unavailable:
            self.world.refused |= {
                order.id
                for order in self.world.orders.by_id.values()
                if order.id not in known and wanted_by(order) == list(wanted)
            }
            raise
        if not result.deferred:
            self.world.answered.append(result.order)

    def move(self, order: Order, deadline: float) -> Order:
        """Go on with an order that was placed before."""
        self._api.asked_for.add(order.id)
        moved: Order = self.stock.move(order, deadline)
        return moved

    def move_together(self, items: tuple[str, ...], orders: Sequence[Order]) -> dict[str, Order]:
        """One commit of these items serves the orders that wait for them."""
        self._api.asked_for |= {order.id for order in orders}
        deadline = self.world.clock.monotonic() + 5
        moved: dict[str, Order] = self.stock._commit(items, lambda: orders, deadline)
        return moved

    def cancel(self, order: Order) -> None:
        self.world.cancelled.add(order.id)
        cancel = CancelOrder(self.orders, self.stock, self.world.clock, 7)
        result = self._told("cancel", order, lambda: cancel(Asked(order.id, CANCELS)))
        if not result.deferred:
            self.world.answered.append(result.order)

    def confirm(self, order: Order) -> None:
        confirm = ConfirmOrder(self.orders, self.world.clock)
        self._told("confirm", order, lambda: confirm(Asked(order.id, CONFIRMS)))

    def extend(self, order: Order) -> None:
        extend = ExtendHold(self.orders, self.world.clock, timedelta(days=1))
        hold = timedelta(seconds=HOLD)
        self._told("extend", order, lambda: extend(Asked(order.id, EXTENDS), hold))

    def _told(self, verb: str, order: Order, act: Callable[[], Any]) -> Any:
        self._api.asked_for.add(order.id)
        self._api.read = None
        try:
            result = act()
        except IllegalMove as error:
            self.world.told.append(Told(order.id, verb, self._api.read, type(error)))
            raise
        self.world.told.append(Told(order.id, verb, self._api.read))
        return result

    def cancel_all(self) -> None:
        for order in list(self.world.orders.by_id.values()):
            quietly(lambda order=order: self.cancel(order))  # type: ignore[misc]

    def tend(self) -> None:
        """What the worker does again and again."""
        quietly(self.settle)
        quietly(self.expire)


Act = Callable[[Process], object]


def creates(*wanted: tuple[str, int], hold: int | None = None) -> Act:
    return lambda process: process.create(*wanted, hold=hold)


def cancels(number: int) -> Act:
    """The order that was placed as that one."""
    return lambda process: process.cancel(process.world.placed(number))


def one_after_another(*acts: Act) -> Act:
    def act(process: Process) -> None:
        for each in acts:
            quietly(lambda each=each: each(process))  # type: ignore[misc]

    return act


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
