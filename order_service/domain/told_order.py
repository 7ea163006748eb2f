"""Orders as their events tell of them, for a store that was put back to an earlier state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Self

from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.history import Actor, Change
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode
from order_service.domain.recorded_order import RecordedOrder
from order_service.domain.status import OrderStatus

# An order goes from a lower one to a higher one, and never leaves the highest.
_RANKS: Final = {OrderStatus.PENDING: 0, OrderStatus.RESERVED: 1, OrderStatus.COMPLETED: 2}
_LAST: Final = 3


@dataclass(frozen=True, slots=True)
class ToldOrder(RecordedOrder):
    """``events``: of one order, in the order of their sequence, at least one. What the events do
    not tell (customer, key, reference, metadata, the moves of the stock) is left as it was."""

    @classmethod
    def from_events(
        cls, events: Sequence[OrderEvent], at: datetime, by: Actor, longest_hold: timedelta
    ) -> Self:
        """An order that the store lacks. No event tells until when an order is held: it is held as
        long as it can have been, so that nobody loses goods that may be held for them."""
        first = events[0]
        held = first.type is OrderEventType.ORDER_RESERVED
        lost = cls(
            id=first.order_id,
            lines=first.lines,
            status=OrderStatus.PENDING,
            created_at=first.occurred_at,
            updated_at=first.occurred_at,
            hold=Hold(int(longest_hold.total_seconds())) if held else None,
        )
        return lost.bring_to(events, at, by)

    def is_behind(self, events: Sequence[OrderEvent]) -> bool:
        told = OrderStatus(events[-1].status)
        return _rank(told) > _rank(self.status) and not self._cannot_become(told)

    def contradicts(self, events: Sequence[OrderEvent]) -> bool:
        """Whether the order ended, and the events tell of another end; or whether they tell that
        an order failed which took its stock."""
        told = OrderStatus(events[-1].status)
        is_another_end = told is not self.status and _rank(told) == _rank(self.status) == _LAST
        return is_another_end or self._cannot_become(told)

    def _cannot_become(self, told: OrderStatus) -> bool:
        took = self.status in (OrderStatus.RESERVED, OrderStatus.COMPLETED)
        return told is OrderStatus.FAILED and took

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


def _rank(status: OrderStatus) -> int:
    return _RANKS.get(status, _LAST)


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
