"""What the use cases need of the outside. Infrastructure implements these; tests fake them.

Errors every port may raise: StoreUnavailable from what the store backs, InventoryUnavailable (the
request was never carried out) and OutcomeUnknown (it may have been) from what the inventory backs.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from order_service.domain.events import OrderEvent
from order_service.domain.order import Intent, Order, OrderStatus
from order_service.domain.stock import StockReading


class Clock(Protocol):
    """``now``: the store's time, so that no process's own clock decides anything (UTC, ms)."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float:
        """Seconds, for elapsed time within this process only."""
        ...

    def sleep(self, seconds: float) -> None: ...


class IdempotencyKeyTaken(Exception):
    """An order with this caller's key is stored already."""

    def __init__(self, holder: Order) -> None:
        super().__init__(holder.id)
        self.holder = holder


class OrderReader(Protocol):
    """What an order is shown from. It may be behind by as long as its adapter says, so nothing is
    decided on it."""

    def get(self, order_id: str) -> Order | None: ...


class OrderRepository(Protocol):
    """Every write is acknowledged by a majority and journaled."""

    def next_id(self) -> str: ...

    def add(self, order: Order) -> Order:
        """Raises IdempotencyKeyTaken when the order's key is stored with another order."""
        ...

    def get(self, order_id: str) -> Order | None: ...

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        """Those that exist, in the order asked for."""
        ...

    def save(self, order: Order) -> Order:
        """Replace the version it was loaded at; its new events join the outbox in the same write.

        Raises VersionConflict when somebody else saved it first.
        """
        ...

    def save_all(self, orders: Sequence[Order]) -> bool:
        """``save`` in one round trip; False when one or more lost a race (the others are saved)."""
        ...

    def forget_key(self, order_id: str) -> None:
        """Free the order's idempotency key, which is older than keys are remembered."""
        ...

    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        """Orders that wait for their stock since before that time, oldest first, stuck ones too.

        ``after``: the last ones of the page before, all that wait since the same time.
        """
        ...

    def stuck(self, limit: int) -> list[Order]: ...


@dataclass(frozen=True, slots=True)
class OrderPlace:
    """Where an order stands among all: newest first by the store's clock, then by id. It never
    changes, whatever becomes of the order."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """``customer_id``: whose orders; None for everybody's. Times bound ``created_at``, [from, to).
    ``after``: the last order of the page before."""

    customer_id: str | None = None
    item_id: str | None = None
    status: OrderStatus | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    after: OrderPlace | None = None
    limit: int = 20


class OrderPages(Protocol):
    def page(self, query: OrderQuery) -> list[Order]:
        """Newest first, at a cost that does not grow with the number of orders."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """An item's lease as it was read or got.

    ``fence`` grows with each acquisition; ``held``: somebody's, and not expired by the store's
    clock; ``intent``: recorded and not cleared.
    """

    item_id: str
    fence: int
    held: bool
    intent: Intent | None


class LeaseStore(Protocol):
    """One lease for each item. Expiry is judged by the store's clock alone."""

    def look(self, item_id: str) -> Lease: ...

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        """Take the lease that was seen free, with the intent, in one journaled write.

        None when it is held, or its fence is no longer the one seen.
        """
        ...

    def clear(self, lease: Lease) -> bool:
        """Durably clear the intent and give the lease back; False when it was lost meanwhile."""
        ...

    def release(self, lease: Lease) -> None:
        """As ``clear`` for an intent whose orders are saved: at best effort, without waiting for
        the journal. If it fails, the lease ends by its expiry. Raises nothing."""
        ...


class Turns(Protocol):
    """Whose turn it is at an item, among the processes that can tell each other. A courtesy: a turn
    that can't be had soon is done without, and only the lease decides."""

    def at(self, item_id: str) -> AbstractContextManager[None]: ...


class OverwritingInventory(Protocol):
    """The absolute contract: stock is read, and overwritten with a new value."""

    def available(self) -> bool:
        """False while the circuit breaker sheds load."""
        ...

    def read(self, item_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        """Set the stock. Sent only if its time-outs end before ``not_after`` (monotonic seconds).

        Raises ItemNotFound, InventoryUnavailable (not sent), OutcomeUnknown.
        """
        ...


class ConditionalInventory(Protocol):
    """The conditional contract: each operation is carried out once, however often it is sent."""

    def available(self) -> bool: ...

    def deduct(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        """Raises InsufficientStock, ItemNotFound, InventoryUnavailable, OutcomeUnknown."""
        ...

    def restore(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable, OutcomeUnknown."""
        ...


class StockMover(Protocol):
    """Moves an order's stock and stores what became of the order: one for each contract."""

    def require_available(self) -> None:
        """Raises InventoryUnavailable while the circuit breaker is open."""
        ...

    def move(self, order: Order, deadline: float) -> Order:
        """Answers the order as stored: moved, or FAILED. ``deadline`` in monotonic seconds.

        Raises InventoryUnavailable or StoreUnavailable when nothing was sent, and OutcomeUnknown
        when the order's fate is left to settlement.
        """
        ...

    def recover(self, order: Order, deadline: float) -> Order:
        """Finish, from evidence, an order that whoever began it left behind."""
        ...


class Place(NamedTuple):
    """Where a record was first delivered, which is its identity in the log."""

    topic: str
    partition: int
    offset: int


class StockChange(NamedTuple):
    """One record of a stock topic. ``payload`` is the whole value as it came, unknown fields too.

    ``topic``, ``partition`` and ``offset`` are its Place, also when it is a replayed dead letter.
    ``contradictory``: newStock - previousStock is not what changeType and changeAmount say.

    A tuple, for one is made of each record, and a frozen dataclass takes three times as long.
    """

    topic: str
    partition: int
    offset: int
    item_id: str
    previous_stock: int
    new_stock: int
    change_type: str
    change_amount: int
    updated_at: datetime
    payload: Mapping[str, Any]
    contradictory: bool = False

    @property
    def place(self) -> Place:
        return Place(self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class LoggedStockChange:
    id: str
    change: StockChange
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StockChangeQuery:
    """``after_id``: the last entry of the page before; times bound ``created_at``, [from, to)."""

    item_id: str | None = None
    change_type: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    after_id: str | None = None
    limit: int = 20


NOT_STORABLE = "not_storable"
OFFSET_REUSED = "offset_reused"


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """A change that the log can't take, now or later.

    ``code``: NOT_STORABLE, or OFFSET_REUSED when another change has its identity: the topic was
    deleted and made again, and its offsets began anew.
    """

    change: StockChange
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AppendResult:
    written: int
    duplicates: int
    refused: tuple[RefusedChange, ...] = ()


class StockChangeLog(Protocol):
    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        """One bulk write, journaled; an entry that is there already counts as a duplicate."""
        ...

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        """``append`` in two steps: the entries are made now, and written when the answer is called,
        soon and once, for they tell the time at which they were made."""
        ...

    def page(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """Newest first, and whether there is more after it. Where entries are large it holds
        fewer than ``limit``, so that no page needs much memory."""
        ...

    def holds(self, places: Collection[Place]) -> Mapping[Place, Mapping[str, Any]]:
        """Of those of which there is an entry, its payload."""
        ...

    def has_change(
        self, item_id: str, previous_stock: int, new_stock: int, since: datetime
    ) -> bool:
        """Whether such a change, by the inventory's own clock, happened since then: the log may
        take an older one late."""
        ...


class Outbox(Protocol):
    """The unpublished events, which live in their orders' own documents."""

    def unpublished(self, limit: int) -> list[list[OrderEvent]]:
        """The events of up to ``limit`` orders, oldest first, in order for each order."""
        ...

    def unpublished_of(self, order_id: str) -> list[OrderEvent]: ...

    def mark_published(self, events: Iterable[OrderEvent]) -> None: ...


class EventPublisher(Protocol):
    def publish(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        """Answers those whose delivery the broker confirmed; the others stay unpublished."""
        ...


class Dependency(Protocol):
    """A part the service needs. ``required``: without it the process can serve nothing."""

    name: str
    required: bool

    def check(self) -> None:
        """Raises the OrderServiceError that says what is missing."""
        ...
