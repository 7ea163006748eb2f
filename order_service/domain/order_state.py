"""What an order is; what can be done with one is in ``order``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from order_service.domain.events import OrderEvent
from order_service.domain.history import Actor, Entry
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import Decision, Failure, IdempotencyKey, Origin, Stuck
from order_service.domain.moves import MovedLine
from order_service.domain.status import OrderPhase, OrderStatus


@dataclass(frozen=True, slots=True)
class OrderState:
    """``lines``: as the customer gave them, no item twice. ``origin``: the request that last
    placed, confirmed, extended or cancelled the order. ``reference``: the shop's own number for the
    order. ``metadata``: the shop's own texts; they are never logged. ``currency``: ISO 4217.
    ``version``: the stored version that the next save replaces; 0 for an order not stored yet.
    ``new_events`` and ``new_history``: what the next save adds."""

    id: str
    lines: tuple[Line, ...]
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    origin: Origin | None = None
    customer_id: str | None = None
    reference: str | None = None
    # Never logged: not even by accident, with the order.
    metadata: Mapping[str, str] | None = field(default=None, repr=False)
    currency: str | None = None
    hold: Hold | None = None
    total_price: Decimal | None = None
    settled_at: datetime | None = None
    failure: Failure | None = None
    idempotency: IdempotencyKey | None = None
    deferred: bool = False
    given_up_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: Actor | None = None
    stuck: Stuck | None = None
    decision: Decision | None = None
    version: int = 0
    new_events: tuple[OrderEvent, ...] = field(default=(), repr=False)
    new_history: tuple[Entry, ...] = field(default=(), repr=False)

    @property
    def phase(self) -> OrderPhase:
        """The phase that OrderPhase lists for the order's status and marks."""
        is_stuck = self.stuck is not None
        if self.status is OrderStatus.PENDING:
            if self.given_up_at is not None:
                return OrderPhase.GIVEN_UP_STUCK if is_stuck else OrderPhase.GIVEN_UP
            return OrderPhase.TAKING_STUCK if is_stuck else OrderPhase.TAKING
        if self.status not in (OrderStatus.COMPLETED, OrderStatus.RESERVED):
            return OrderPhase[self.status]
        if self.cancel_requested_at is not None:
            return OrderPhase.CANCELLING_STUCK if is_stuck else OrderPhase.CANCELLING
        if self.status is OrderStatus.COMPLETED:
            return OrderPhase.COMPLETED
        if self.hold is not None and self.hold.expired_at is not None:
            return OrderPhase.EXPIRING_STUCK if is_stuck else OrderPhase.EXPIRING
        return OrderPhase.HELD

    @property
    def held_until(self) -> datetime | None:
        """When the hold ends; None for an order that is not held, or not any more."""
        return self.hold.expires_at if self.hold and self.phase is OrderPhase.HELD else None

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The ids of the order's items, ascending."""
        return tuple(sorted(line.item_id for line in self.lines))

    @property
    def stock_changes(self) -> dict[str, int]:
        """The units that the order still has to move of each item: negative to take, positive to
        give back. An order that was given up has taken no line that is not known to be taken."""
        phase = self.phase
        if phase.is_settled:
            return {}
        if phase.takes:
            return {each.item_id: -each.quantity for each in self.lines if each.taken is None}
        return {
            each.item_id: each.quantity
            for each in self.lines
            if each.returned is None and (each.taken is not None or not phase.is_given_up)
        }

    @property
    def awaiting_since(self) -> datetime | None:
        """Since when the order waits for its stock; None when it waits for no stock."""
        if self.phase.is_settled:
            return None
        expired_at = self.hold and self.hold.expired_at
        return self.cancel_requested_at or expired_at or self.created_at

    @property
    def awaits_stock(self) -> bool:
        """Whether the order's stock can still be moved without new evidence."""
        return self.stuck is None and bool(self.stock_changes)

    def was_moved_by(self, moved: Iterable[MovedLine]) -> bool:
        """Whether one of the moves took or gave back a line of the order."""
        moves = {each.item_id: each.move for each in moved}
        return any(
            line.item_id in moves and line.was_moved_by(moves[line.item_id]) for line in self.lines
        )
