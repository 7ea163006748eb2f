"""A world of the stock protocol: what outlives processes, and what is kept of what they did."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from order_service.application.orders.history import Moved
from order_service.application.place import Place
from order_service.application.stock.lease import Lease, Primary
from order_service.domain.errors import IllegalMove, OrderNotFound
from order_service.domain.history import Actor, Change
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

    def copied(kept: Any) -> Any:
        if isinstance(kept, dict):
            return {
                key: copy(each) if isinstance(each, list) else each for key, each in kept.items()
            }
        return copy(kept)

    own = (dict, list, set, float, count)
    return {name: copied(kept) for name, kept in vars(part).items() if isinstance(kept, own)}


class MadeOrders:
    """The orders, as one part of a process sees them: the world keeps what it made of them."""

    def __init__(self, world: World, maker: Maker) -> None:
        self._world, self._orders, self._maker = world, world.orders, maker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def get(self, order_id: str) -> Order | None:
        order = self._orders.get(order_id)
        if order is not None and self._maker.read is None:
            self._maker.read = order.phase
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
