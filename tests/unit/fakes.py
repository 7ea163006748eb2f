"""In-memory stand-ins for the ports, with the promises that the real adapters keep.

``test_fake_orders`` and ``test_fake_leases`` prove it of the repository and of the leases.
"""

import threading
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from order_service.application.orders.create import HoldSlotTaken, IdempotencyKeyTaken
from order_service.application.stock.lease import Lease, Primary
from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    ShortItem,
    VersionConflict,
)
from order_service.domain.events import OrderEvent
from order_service.domain.history import Entry
from order_service.domain.marks import IdempotencyKey
from order_service.domain.moves import Intent
from order_service.domain.order import Order
from order_service.domain.stock import StockReading

ITEM = "a" * 24
MOST_ENTRIES = 200
PRICE = Decimal("19.99")


class FakeTurns:
    """It is always everybody's."""

    def at(self, _: Sequence[str]) -> AbstractContextManager[None]:
        return nullcontext()


class FakeClock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds


class InlineExecutor(Executor):
    """Runs what is submitted at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  (as a real executor does)
            future.set_exception(error)
        return future


class FakeOrders:
    """Repository and outbox; every write is compare-and-set on the version."""

    def __init__(self) -> None:
        self.by_id: dict[str, Order] = {}
        self.outbox: dict[str, list[OrderEvent]] = {}
        self.history: dict[str, list[Entry]] = {}
        self._ids = count(1)
        self._lock = threading.Lock()

    def next_id(self) -> str:
        return f"{next(self._ids):024x}"

    def add(self, order: Order) -> Order:
        with self._lock:
            for other in self.by_id.values():
                if order.idempotency and _same_key(order, other):
                    raise IdempotencyKeyTaken(other)
                if _same_slot(order, other):
                    raise HoldSlotTaken
            self.by_id[order.id] = order.saved()
            self.history[order.id] = list(order.new_history)
            return self.by_id[order.id]

    def get(self, order_id: str) -> Order | None:
        return self.by_id.get(order_id)

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        return [self.by_id[order_id] for order_id in order_ids if order_id in self.by_id]

    def save(self, order: Order) -> Order:
        saved = self.save_all([order])
        if not saved:
            raise VersionConflict("The order was changed by somebody else.")
        return saved[0]

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        with self._lock:
            current = [order for order in orders if self._is_current(order)]
            for order in current:
                self.by_id[order.id] = order.saved()
                self.outbox.setdefault(order.id, []).extend(order.new_events)
                entries = [*self.history.get(order.id, ()), *order.new_history]
                self.history[order.id] = entries[-MOST_ENTRIES:]
            return [order.saved() for order in current]

    def forget_key(self, order_id: str) -> None:
        with self._lock:
            holder = self.by_id[order_id]
            self.by_id[order_id] = replace(holder, idempotency=None, version=holder.version + 1)

    def holder_of(self, key: IdempotencyKey) -> Order | None:
        wanted = key.caller, key.key
        for order in self.by_id.values():
            if order.idempotency and (order.idempotency.caller, order.idempotency.key) == wanted:
                return order
        return None

    def hold_slots(self, customer_id: str) -> Set[int]:
        with self._lock:
            mine = [o.hold for o in self.by_id.values() if o.customer_id == customer_id]
        return {hold.slot for hold in mine if hold and hold.slot is not None}

    def held_until(self, now: datetime, limit: int) -> list[Order]:
        held = [(o.held_until, o) for o in self.by_id.values() if o.held_until]
        over = sorted((each for each in held if each[0] <= now), key=lambda each: each[0])
        return [order for _, order in over][:limit]

    def with_history(self, order_id: str) -> tuple[Order, Sequence[Entry]] | None:
        order = self.by_id.get(order_id)
        return (order, list(self.history.get(order_id, []))) if order else None

    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        seen, since = {o.id for o in after}, after[-1].awaiting_since if after else None
        return [
            order
            for at, order in self._waiting()
            if at < before and order.id not in seen and (since is None or at >= since)
        ][:limit]

    def stuck(self, limit: int) -> list[Order]:
        return [order for _, order in self._waiting() if order.stuck][:limit]

    def _waiting(self) -> list[tuple[datetime, Order]]:
        """Since when each waits, oldest first."""
        waiting = [(o.awaiting_since, o) for o in self.by_id.values() if o.awaiting_since]
        return sorted(waiting, key=lambda each: each[0])

    def _is_current(self, order: Order) -> bool:
        stored = self.by_id.get(order.id)
        return stored is not None and stored.version == order.version

    def unpublished(self, limit: int) -> list[list[OrderEvent]]:
        waiting = [list(events) for events in self.outbox.values() if events]
        return sorted(waiting, key=lambda events: events[0].occurred_at)[:limit]

    def unpublished_of(self, order_id: str) -> list[OrderEvent]:
        return list(self.outbox.get(order_id, []))

    def mark_published(self, events: Iterable[OrderEvent]) -> None:
        for event in events:
            left = self.outbox.get(event.order_id, [])
            self.outbox[event.order_id] = [each for each in left if each != event]


def _same_key(one: Order, other: Order) -> bool:
    mine, theirs = one.idempotency, other.idempotency
    return bool(mine and theirs and (mine.caller, mine.key) == (theirs.caller, theirs.key))


def _same_slot(one: Order, other: Order) -> bool:
    mine, theirs = one.hold and one.hold.slot, other.hold and other.hold.slot
    return mine is not None and one.customer_id == other.customer_id and mine == theirs


class FakeLeases:
    def __init__(self, clock: FakeClock, seconds: float = 10) -> None:
        self._clock = clock
        self._seconds = seconds
        self.fences: dict[str, int] = {}
        self.expiries: dict[str, float] = {}
        self.intents: dict[str, Intent | None] = {}
        self.primaries: dict[str, Primary | None] = {}
        self._lock = threading.Lock()

    def look(self, item_ids: Sequence[str]) -> list[Lease]:
        with self._lock:
            return [self._lease(item_id) for item_id in item_ids]

    def look_durably(self, item_id: str) -> Lease:
        [lease] = self.look([item_id])
        return lease

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        with self._lock:
            return self._take(seen, intent, None)

    def acquire_again(self, held: Lease, intent: Intent) -> Lease | None:
        with self._lock:
            if self.fences.get(held.item_id) != held.fence:
                return None
            self.expiries.pop(held.item_id, None)
            return self._take(held, intent, None)

    def acquire_all(self, seen: Sequence[Lease], primary: Primary) -> list[Lease | None]:
        with self._lock:
            return [self._take(each, None, primary) for each in seen]

    def renew(self, lease: Lease) -> bool:
        with self._lock:
            if self.fences.get(lease.item_id) != lease.fence:
                return False
            self.expiries[lease.item_id] = self._clock.monotonic() + self._seconds
            return True

    def clear(self, lease: Lease) -> bool:
        return self._give_back(lease, lease.fence + 1)

    def release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            self._give_back(lease, lease.fence)

    def _lease(self, item_id: str) -> Lease:
        fence = self.fences.get(item_id, 0)
        intent, primary = self.intents.get(item_id), self.primaries.get(item_id)
        return Lease(item_id, fence, self._held(item_id), intent, primary)

    def _take(self, seen: Lease, intent: Intent | None, primary: Primary | None) -> Lease | None:
        item_id = seen.item_id
        if self._held(item_id) or self.fences.get(item_id, 0) != seen.fence:
            return None
        self.fences[item_id] = seen.fence + 1
        self.expiries[item_id] = self._clock.monotonic() + self._seconds
        self.intents[item_id], self.primaries[item_id] = intent, primary
        return Lease(item_id, seen.fence + 1, True, intent, primary)

    def _give_back(self, lease: Lease, fence: int) -> bool:
        with self._lock:
            if self.fences.get(lease.item_id) != lease.fence:
                return False
            self.fences[lease.item_id] = fence
            self.expiries.pop(lease.item_id, None)
            self.intents[lease.item_id] = self.primaries[lease.item_id] = None
            return True

    def _held(self, item_id: str) -> bool:
        return self.expiries.get(item_id, 0) > self._clock.monotonic()


class FakeInventory:
    """Both contracts over the same stocks, each item's beginning at ``stock``. ``changes`` is what
    it would publish; ``overwrites``: the items of the overwrites that it was asked for."""

    def __init__(
        self, stock: int = 10, clock: FakeClock | None = None, items: Sequence[str] = (ITEM,)
    ) -> None:
        self._clock = clock or FakeClock()
        self.stock = dict.fromkeys(items, stock)
        self.changes: list[tuple[str, int, int]] = []
        self.overwrites: list[str] = []
        self.operations: dict[tuple[str, str], StockReading] = {}
        self.is_available = True

    def available(self) -> bool:
        return self.is_available

    def read(self, item_id: str) -> StockReading:
        if item_id not in self.stock:
            raise ItemNotFound(item_id)
        return StockReading(self.stock[item_id], PRICE)

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        if self._clock.monotonic() >= not_after:
            raise InventoryUnavailable("The lease is too old to send under it.")
        self.overwrites.append(item_id)
        self._set(item_id, stock)

    def deduct(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        return self._once("deduct", item_id, -quantity, operation_id)

    def restore(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        return self._once("restore", item_id, quantity, operation_id)

    def _once(self, verb: str, item_id: str, change: int, operation_id: str) -> StockReading:
        if (verb, operation_id) not in self.operations:
            left = self.read(item_id).stock + change
            if left < 0:
                raise InsufficientStock(ShortItem(item_id, -change, self.stock[item_id]))
            self._set(item_id, left)
            self.operations[verb, operation_id] = StockReading(left, PRICE)
        return self.operations[verb, operation_id]

    def _set(self, item_id: str, stock: int) -> None:
        before = self.read(item_id).stock
        self.stock[item_id] = stock
        if stock != before:
            self.changes.append((item_id, before, stock))


class FakeChanges:
    """The log, as if the worker had written every change of the inventory at once."""

    def __init__(self, inventory: FakeInventory) -> None:
        self._inventory = inventory

    def has_change(
        self, item_id: str, previous_stock: int, new_stock: int, since: datetime
    ) -> bool:
        return (item_id, previous_stock, new_stock) in self._inventory.changes
