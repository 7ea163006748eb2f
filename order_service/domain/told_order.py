"""Orders as their events tell of them, for a store that was put back to an earlier state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import Actor, Change
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.lives import Life, lives_with
from order_service.domain.marks import Failure, FailureCode
from order_service.domain.recorded_order import RecordedOrder
from order_service.domain.status import OrderStatus


@dataclass(frozen=True, slots=True)
class ToldOrder(RecordedOrder):
    """``events``: of one order, in the order of their sequence, at least one, and no contradiction
    (see ``lives_with``). What the events do not tell (customer, key, reference, metadata, the moves
    of the stock) is left as it was."""

    @classmethod
    def from_events(
        cls, events: Sequence[OrderEvent], at: datetime, by: Actor, longest_hold: timedelta
    ) -> Self:
        """An order that the store lacks. No event tells until when an order is held: it is held as
        long as it can have been, so that nobody loses goods that may be held for them."""
        first = events[0]
        hold = Hold(int(longest_hold.total_seconds()))
        held = all(life[0] is OrderStatus.RESERVED for life in lives_with(events))
        lost = cls(
            id=first.order_id,
            lines=first.lines,
            status=OrderStatus.PENDING,
            created_at=first.occurred_at,
            updated_at=first.occurred_at,
            hold=hold.begin(first.occurred_at) if held else None,
        )
        return lost.bring_to(events, at, by)

    def contradicts(self, events: Sequence[OrderEvent]) -> bool:
        """Whether no order can have become both what this one is and what the events tell; the
        events may contradict each other."""
        return not self._lives(events)

    def is_behind(self, events: Sequence[OrderEvent]) -> bool:
        told = OrderStatus(events[-1].status)
        return any(
            self.status is OrderStatus.PENDING or life.index(told) > life.index(self.status)
            for life in self._lives(events)
        )

    def _lives(self, events: Sequence[OrderEvent]) -> list[Life]:
        if not self._has_goods_of(events[0]):
            return []
        return [life for life in lives_with(events) if self._can_have(life)]

    def _has_goods_of(self, event: OrderEvent) -> bool:
        """A line that is not taken has no price yet."""
        told = {line.item_id: line for line in event.lines}
        return len(told) == len(self.lines) and all(
            line.item_id in told
            and line.quantity == told[line.item_id].quantity
            and line.unit_price in (None, told[line.item_id].unit_price)
            for line in self.lines
        )

    def _can_have(self, life: Life) -> bool:
        begins = {OrderStatus.FAILED, OrderStatus.RESERVED if self.hold else OrderStatus.COMPLETED}
        expires = self.hold is not None and self.hold.expired_at is not None
        is_in_it = self.status in (OrderStatus.PENDING, *life)
        return life[0] in begins and is_in_it and (OrderStatus.EXPIRED in life or not expires)

    def bring_to(self, events: Sequence[OrderEvent], at: datetime, by: Actor) -> Self:
        """The order as the events leave it. Moves no stock and tells no event: both happened."""
        last = events[-1]
        status = OrderStatus(last.status)
        prices = {line.item_id: line.unit_price for line in last.lines}
        brought = replace(
            self,
            status=status,
            lines=tuple(_priced(line, prices.get(line.item_id)) for line in self.lines),
            total_price=self.total_price if last.total_price is None else last.total_price,
            hold=self.hold and _hold_after(self.hold, events),
            settled_at=self.settled_at or events[0].occurred_at,
            updated_at=max(self.updated_at, last.occurred_at),
            cancel_requested_at=self._cancelled_at(status, last.occurred_at),
            stuck=None,
        )
        if status is OrderStatus.FAILED and brought.failure is None:
            # Why it failed is not told; that it failed is by the word of who restores the order.
            brought = replace(brought, failure=Failure(FailureCode.DECIDED))
        reason = ", ".join(event.type for event in events)
        return brought._record(Change.ORDER_BROUGHT_BACK, at, by, reason)

    def _cancelled_at(self, status: OrderStatus, told_at: datetime) -> datetime | None:
        return (self.cancel_requested_at or told_at) if status is OrderStatus.CANCELLED else None


def _priced(line: Line, price: Decimal | None) -> Line:
    return line if price is None else replace(line, unit_price=price)


def _hold_after(hold: Hold, events: Sequence[OrderEvent]) -> Hold:
    for event in events:
        if event.type is OrderEventType.ORDER_RESERVED:
            hold = hold.begin(event.occurred_at)
            continue
        hold = hold.let_go()
        if event.type is OrderEventType.ORDER_CREATED:
            hold = replace(hold, confirmed_at=event.occurred_at)
        elif event.type is OrderEventType.ORDER_EXPIRED:
            hold = replace(hold, expired_at=event.occurred_at)
    return hold
