"""The Order aggregate.

``PENDING → COMPLETED | FAILED``, ``COMPLETED → CANCELLED``. An Order is a value: each move returns
the next one, and a move that the status forbids raises IllegalMove. Use ``Order.place`` for a new
order; the constructor is the rehydration path, for repositories.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

from order_service.domain.errors import IllegalMove, InvalidValue
from order_service.domain.events import OrderEvent, OrderEventType
from order_service.domain.line import Line, require_orderable, total_of
from order_service.domain.marks import Decision, Failure, FailureCode, IdempotencyKey, Stuck
from order_service.domain.moves import MovedLine, StockMove
from order_service.domain.status import OrderPhase, OrderStatus


@dataclass(frozen=True, slots=True)
class Order:
    """``lines``: as the customer gave them, no item twice. ``reference``: the shop's own number for
    the order. ``metadata``: the shop's own texts; they are never logged. ``currency``: ISO 4217.
    ``version``: the stored version that the next save replaces; 0 for an order not stored yet."""

    id: str
    lines: tuple[Line, ...]
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    customer_id: str | None = None
    reference: str | None = None
    # Never logged: not even by accident, with the order.
    metadata: Mapping[str, str] | None = field(default=None, repr=False)
    currency: str | None = None
    total_price: Decimal | None = None
    settled_at: datetime | None = None
    failure: Failure | None = None
    idempotency: IdempotencyKey | None = None
    deferred: bool = False
    given_up_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    stuck: Stuck | None = None
    decision: Decision | None = None
    version: int = 0
    new_events: tuple[OrderEvent, ...] = field(default=(), repr=False)

    @classmethod
    def place(
        cls,
        *,
        id: str,  # noqa: A002  (the aggregate's identity has no better name)
        lines: Sequence[Line],
        at: datetime,
        customer_id: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        currency: str | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Self:
        """Raises InvalidValue for lines that can't be ordered."""
        require_orderable(lines)
        return cls(
            id=id,
            lines=tuple(lines),
            status=OrderStatus.PENDING,
            created_at=at,
            updated_at=at,
            customer_id=customer_id,
            reference=reference,
            metadata=metadata,
            currency=currency,
            idempotency=idempotency,
        )

    @property
    def phase(self) -> OrderPhase:
        """The phase that OrderPhase lists for the order's status and marks."""
        is_stuck = self.stuck is not None
        if self.status is OrderStatus.PENDING:
            if self.given_up_at is not None:
                return OrderPhase.GIVEN_UP_STUCK if is_stuck else OrderPhase.GIVEN_UP
            return OrderPhase.TAKING_STUCK if is_stuck else OrderPhase.TAKING
        if self.status is OrderStatus.COMPLETED and self.cancel_requested_at is not None:
            return OrderPhase.CANCELLING_STUCK if is_stuck else OrderPhase.CANCELLING
        return OrderPhase[self.status]

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
        """Since when the order waits; None when the order waits for nothing."""
        if self.phase.is_settled:
            return None
        return self.cancel_requested_at or self.created_at

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

    def stock_moved(self, moved: Iterable[MovedLine], at: datetime) -> Self:
        """The inventory made these changes, as far as the order asked for them; moves of other
        items are left out. Once no line is left to move, the order is COMPLETED, CANCELLED or, if
        it was given up, FAILED.

        A move serves an order only once: an order can be cancelled while the intent that took its
        goods is still open, and that intent must not give the goods back.
        """
        moved = tuple(moved)
        if self.was_moved_by(moved):
            return self
        if not self.stock_changes:
            raise IllegalMove(f"The order is {self.status}: it moves no stock.", self.status)
        order = replace(self._with_moved(moved), updated_at=self._not_before(at))
        return order if order.stock_changes else order._end(at)

    def give_up(self, at: datetime, failure: Failure | None = None) -> Self:
        """Write-ahead of a failure: from here on nobody completes the order, and stock that the
        order took is given back. ``failure``: why, where it is known already."""
        self._require_undecided("given up")
        at = self._not_before(at)
        return replace(self, given_up_at=at, updated_at=at, failure=failure, stuck=None)

    def revert(
        self, taken: Mapping[str, MovedLine], returned: Mapping[str, StockMove], at: datetime
    ) -> Self:
        """Fail a given-up order, after what it took of the items was given back."""
        lines = tuple(
            line.take(taken[line.item_id]).give_back(returned[line.item_id])
            if line.item_id in returned
            else line
            for line in self.lines
        )
        return replace(self, lines=lines).fail(Failure(FailureCode.ABANDONED), at)

    def fail(self, failure: Failure, at: datetime) -> Self:
        """The failure for which the order was given up stands."""
        self._require(OrderStatus.PENDING, "failed")
        at, failure = self._not_before(at), self.failure or failure
        failed = replace(
            self,
            status=OrderStatus.FAILED,
            failure=failure,
            settled_at=at,
            updated_at=at,
            stuck=None,
            # The caller was shown a deferred order, so the key keeps answering with that order.
            idempotency=None
            if failure.code.forgets_key and not self.deferred
            else self.idempotency,
        )
        return failed._with_event(OrderEventType.ORDER_FAILED, at)

    def request_cancel(self, at: datetime) -> Self:
        """Write-ahead of a cancellation: from here on the order's stock will be given back."""
        self._require(OrderStatus.COMPLETED, "cancelled")
        at = self._not_before(at)
        return replace(self, cancel_requested_at=at, updated_at=at)

    def defer(self, at: datetime) -> Self:
        """Record that the caller was answered before the outcome was known."""
        self._require_undecided("deferred")
        return replace(self, deferred=True, updated_at=self._not_before(at))

    def mark_stuck(self, stuck: Stuck, certain: Iterable[MovedLine] = ()) -> Self:
        """``certain``: moves that were made without a doubt; those of other items are left out."""
        if not self.awaits_stock:
            raise IllegalMove("The order waits for no stock, so it can't be stuck.", self.status)
        order = self._with_moved(certain)
        return replace(order, stuck=stuck, updated_at=self._not_before(stuck.since))

    def decide(self, decision: Decision) -> Self:
        """Settle a stuck order by a person's word on what the inventory did, and keep the word.

        COMPLETED says that the moves in doubt were made. FAILED says that they were not made: an
        order that waits to take its goods then fails, after what is known to be taken is given
        back; a cancellation stands as if nobody had asked for it, unless a part of the goods is
        back already, and then the rest is given back too.
        """
        if self.stuck is None:
            raise IllegalMove("Only a stuck order is settled by hand.", self.status)
        if decision.outcome not in (OrderStatus.COMPLETED, OrderStatus.FAILED):
            raise InvalidValue("outcome", "must be COMPLETED or FAILED")
        if not decision.reason.strip():
            raise InvalidValue("reason", "must not be empty")
        at = self._not_before(decision.at)
        decided = replace(
            self, decision=replace(decision, at=at, stuck=self.stuck), stuck=None, updated_at=at
        )
        if decision.outcome is OrderStatus.COMPLETED:
            return decided._moved_by_word(self.stuck, at)
        return decided._not_moved_by_word(at)

    def saved(self) -> Self:
        """The order as the store holds it after the save."""
        return replace(self, version=self.version + 1, new_events=())

    def as_first_answered(self) -> Self:
        """The order as its first answer showed it, before any cancellation."""
        if self.status is not OrderStatus.CANCELLED and self.cancel_requested_at is None:
            return self
        assert self.settled_at is not None
        return replace(self, status=OrderStatus.COMPLETED, updated_at=self.settled_at)

    def _with_moved(self, moved: Iterable[MovedLine]) -> Self:
        """The order with those of its open lines moved that the moves are of."""
        by_item = {each.item_id: each for each in moved}
        still_open, takes = self.stock_changes, self.phase.takes

        def after(line: Line) -> Line:
            found = by_item.get(line.item_id) if line.item_id in still_open else None
            if found is None:
                return line
            return line.take(found) if takes else line.give_back(found.move)

        return replace(self, lines=tuple(map(after, self.lines)))

    def _end(self, at: datetime) -> Self:
        """Every line is moved."""
        if self.status is OrderStatus.COMPLETED:
            return self._cancelled(at)
        if self.phase.is_given_up:
            return self.fail(Failure(FailureCode.ABANDONED), at)
        at = self._not_before(at)
        done = replace(
            self,
            status=OrderStatus.COMPLETED,
            total_price=total_of(self.lines),
            settled_at=at,
            updated_at=at,
            stuck=None,
        )
        return done._with_event(OrderEventType.ORDER_CREATED, at)

    def _cancelled(self, at: datetime) -> Self:
        at = self._not_before(at)
        done = replace(self, status=OrderStatus.CANCELLED, updated_at=at, stuck=None)
        return done._with_event(OrderEventType.ORDER_CANCELLED, at)

    def _moved_by_word(self, stuck: Stuck, at: datetime) -> Self:
        if stuck.intent is not None:
            moved = [each for each in stuck.intent.moved if each.item_id in stuck.items]
            return self.stock_moved(moved, at)
        if self.phase.takes:
            reason = "The item's price was never read, so the order can't be completed."
            raise IllegalMove(reason, self.status)
        return self._end(at)

    def _not_moved_by_word(self, at: datetime) -> Self:
        if self.phase.takes:
            decided = Failure(FailureCode.DECIDED)
            if any(line.taken for line in self.lines):
                return self.give_up(at, decided)
            return self.fail(decided, at)
        if self.phase.is_given_up or any(line.returned for line in self.lines):
            return self
        return replace(self, cancel_requested_at=None)

    def _not_before(self, at: datetime) -> datetime:
        # Another process may make the next move, and its clock may be a little behind.
        return max(at, self.updated_at)

    def _require(self, status: OrderStatus, move: str) -> None:
        if self.status is not status:
            raise IllegalMove(f"The order is {self.status} and cannot be {move}.", self.status)

    def _require_undecided(self, move: str) -> None:
        self._require(OrderStatus.PENDING, move)
        if self.phase.is_given_up:
            raise IllegalMove(f"The order was given up and cannot be {move}.", self.status)

    def _with_event(self, event_type: OrderEventType, at: datetime) -> Self:
        event = OrderEvent(
            type=event_type,
            order_id=self.id,
            lines=self.lines,
            total_price=self.total_price,
            status=str(self.status),
            occurred_at=at,
        )
        return replace(self, new_events=(*self.new_events, event))
