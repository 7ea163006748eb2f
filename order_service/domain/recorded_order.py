"""How an order keeps what its moves leave for others: entries of history, and events."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import EXPIRY, Actor, Change, Entry
from order_service.domain.order_state import OrderState
from order_service.domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class RecordedOrder(OrderState):
    """``by``: who made the change; None for whoever asked for what the change brings about."""

    def _told(
        self,
        event_type: OrderEventType,
        sequence: int,
        at: datetime,
        by: Actor | None,
        reason: str | None = None,
    ) -> Self:
        """The order with the event and its entry of history."""
        event = OrderEvent(
            type=event_type,
            order_id=self.id,
            lines=self.lines,
            total_price=self.total_price,
            status=str(self.status),
            occurred_at=at,
            sequence=sequence,
            origin=self.origin,
        )
        told = replace(self, new_events=(*self.new_events, event))
        return told._record(Change[event_type], at, by, reason)

    def _record(
        self,
        change: Change,
        at: datetime,
        by: Actor | None = None,
        reason: str | None = None,
        outcome: OrderStatus | None = None,
    ) -> Self:
        entry = Entry(
            event=change,
            status=self.status,
            at=self._not_before(at),
            by=by or self._asker,
            version=self.version + 1,
            reason=reason,
            outcome=outcome,
            expires_at=self.held_until,
        )
        return replace(self, new_history=(*self.new_history, entry))

    @property
    def _asker(self) -> Actor | None:
        """Who asked for what the order waits for, or has just become."""
        if self.cancel_requested_at is not None:
            return self.cancel_requested_by
        if self.hold is not None and self.hold.expired_at is not None:
            return EXPIRY
        return Actor.caller(self.customer_id)

    def _not_before(self, at: datetime) -> datetime:
        # Another process may make the next move, and its clock may be a little behind.
        return max(at, self.updated_at)
