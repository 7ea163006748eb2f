"""Processes of the stock protocol, whose calls can be disturbed or paused, and what they do."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.change import Asked
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.create import CreateOrder, CreateOrderCommand, HoldLimits
from order_service.application.orders.expire import ExpireOrders
from order_service.application.orders.extend import ExtendHold
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.stock.leased import LeasedStock
from order_service.application.stock.operations import OperationStock
from order_service.domain.errors import IllegalMove, OrderServiceError, Unavailable
from order_service.domain.history import SETTLEMENT, Actor
from order_service.domain.line import Line
from order_service.domain.order import Order
from tests.unit.application.stock.wires import Crash, Tripwire
from tests.unit.application.stock.world import (
    CANCELS,
    CONFIRMS,
    CUSTOMER,
    EXTENDS,
    HOLD,
    ITEMS,
    LEASE_SECONDS,
    MadeOrders,
    Maker,
    Told,
    World,
)
from tests.unit.fakes import (
    FakeTurns,
    InlineExecutor,
)

# Seconds that a thread may take to its next step.
_PATIENCE = 60


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
            assert self._told.acquire(timeout=_PATIENCE)

    def go_on(self) -> None:
        """Until it stops, or ends."""
        if self._thread.ident is None:
            self._thread.start()
        elif self._thread.is_alive():
            self._told.release()
        else:
            return
        assert self._stopped.acquire(timeout=_PATIENCE)

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
