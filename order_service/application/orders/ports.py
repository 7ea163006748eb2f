"""What the use cases of orders need of the outside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from order_service.domain.events import OrderEvent
from order_service.domain.order import Order, OrderStatus


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
