"""The Order aggregate.

``PENDING → COMPLETED | FAILED``, ``COMPLETED → CANCELLED``; with a hold ``PENDING → RESERVED |
FAILED``, ``RESERVED → COMPLETED | EXPIRED | CANCELLED``. An Order is a value: each move returns the
next one, with the entries of history and the events that tell of the move, and a move that the
status forbids raises IllegalMove. Use ``Order.place`` for a new order; the constructor is the
rehydration path, for repositories.

``by``, in a move, is who makes the move; None for the caller, or the part of the service, that
asked for what the move brings about.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from order_service.domain.errors import (
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InvalidValue,
    NotHeld,
)
from order_service.domain.events import OrderEventType
from order_service.domain.history import Actor, ActorKind, Change
from order_service.domain.hold import Hold
from order_service.domain.line import Line, require_orderable, total_of
from order_service.domain.marks import (
    Decision,
    Failure,
    FailureCode,
    IdempotencyKey,
    Origin,
    Stuck,
)
from order_service.domain.moves import MovedLine, StockMove
from order_service.domain.status import OrderPhase, OrderStatus
from order_service.domain.told_order import ToldOrder


@dataclass(frozen=True, slots=True)
class Order(ToldOrder):
    """An order as OrderState has it, and its moves."""

    @classmethod
    def place(
        cls,
        *,
        id: str,  # noqa: A002  (the aggregate's identity has no better name)
        lines: Sequence[Line],
        at: datetime,
        origin: Origin | None = None,
        customer_id: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        currency: str | None = None,
        hold: Hold | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Self:
        """Raises InvalidValue for lines that can't be ordered."""
        require_orderable(lines)
        placed = cls(
            id=id,
            lines=tuple(lines),
            status=OrderStatus.PENDING,
            created_at=at,
            updated_at=at,
            origin=origin,
            customer_id=customer_id,
            reference=reference,
            metadata=metadata,
            currency=currency,
            hold=hold,
            idempotency=idempotency,
        )
        return placed._record(Change.ORDER_PLACED, at)

    def asked_by(self, origin: Origin | None) -> Self:
        """The order, whose next moves the request asks for."""
        return replace(self, origin=origin)

    def stock_moved(
        self, moved: Iterable[MovedLine], at: datetime, by: Actor | None = None
    ) -> Self:
        """The inventory made these changes, as far as the order asked for them; moves of other
        items are left out. Once no line is left to move, the order is COMPLETED, RESERVED,
        CANCELLED, EXPIRED or, if it was given up, FAILED.

        A move serves an order only once: an order can be cancelled, or expire, while the intent
        that took its goods is still open, and that intent must not give the goods back.
        """
        moved = tuple(moved)
        if self.was_moved_by(moved):
            return self
        if not self.stock_changes:
            raise IllegalMove(f"The order is {self.status}: it moves no stock.", self.status)
        order = self._with_moved(moved)
        if order.lines == self.lines:
            return self
        order = replace(order, updated_at=self._not_before(at))
        if order.stock_changes:
            return order._record(Change.ORDER_PARTLY_MOVED, at, by)
        return order._end(at, by)

    def give_up(
        self, at: datetime, failure: Failure | None = None, by: Actor | None = None
    ) -> Self:
        """Write-ahead of a failure: from here on nobody completes the order, and stock that the
        order took is given back. ``failure``: why, where it is known already."""
        self._require_undecided("given up")
        at = self._not_before(at)
        given_up = replace(self, given_up_at=at, updated_at=at, failure=failure, stuck=None)
        return given_up._record(Change.ORDER_GIVEN_UP, at, by, failure.code if failure else None)

    def revert(
        self,
        taken: Mapping[str, MovedLine],
        returned: Mapping[str, StockMove],
        at: datetime,
        by: Actor | None = None,
    ) -> Self:
        """Fail a given-up order, after what it took of the items was given back."""
        lines = tuple(
            line.take(taken[line.item_id]).give_back(returned[line.item_id])
            if line.item_id in returned
            else line
            for line in self.lines
        )
        return replace(self, lines=lines).fail(Failure(FailureCode.ABANDONED), at, by)

    def fail(self, failure: Failure, at: datetime, by: Actor | None = None) -> Self:
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
            hold=self.hold and self.hold.let_go(),
            # The caller was shown a deferred order, so the key keeps answering with that order.
            idempotency=None
            if failure.code.forgets_key and not self.deferred
            else self.idempotency,
        )
        return failed._told(OrderEventType.ORDER_FAILED, 1, at, by, failure.code)

    def confirm(self, at: datetime, by: Actor) -> Self:
        """The order is sold, for good unless it is cancelled."""
        hold, at = self._held("confirmed"), self._not_before(at)
        sold = replace(
            self,
            status=OrderStatus.COMPLETED,
            hold=replace(hold.let_go(), confirmed_at=at),
            updated_at=at,
        )
        return sold._told(OrderEventType.ORDER_CREATED, 2, at, by)

    def extend(self, until: datetime, at: datetime, by: Actor) -> Self:
        """The order is held until then, whether that is later than before or earlier."""
        hold, at = self._held("extended"), self._not_before(at)
        extended = replace(self, hold=replace(hold, expires_at=until), updated_at=at)
        return extended._record(Change.ORDER_EXTENDED, at, by)

    def expire(self, at: datetime) -> Self:
        """Write-ahead of an expiry: from here on nobody confirms the order, and its stock will be
        given back."""
        hold, at = self._held("expired"), self._not_before(at)
        if hold.expires_at is None or at < hold.expires_at:
            raise IllegalMove("The hold is not over yet.", self.status)
        expired = replace(self, hold=replace(hold, expired_at=at), updated_at=at)
        return expired._record(Change.ORDER_EXPIRY_RECORDED, at)

    def request_cancel(self, at: datetime, by: Actor) -> Self:
        """Write-ahead of a cancellation: from here on the order's stock will be given back."""
        if self.hold is None:
            self._require(OrderStatus.COMPLETED, "cancelled")
        elif self.status is not OrderStatus.COMPLETED:
            self._held("cancelled")
        at = self._not_before(at)
        asked = replace(self, cancel_requested_at=at, cancel_requested_by=by, updated_at=at)
        return asked._record(Change.ORDER_CANCEL_REQUESTED, at, by)

    def defer(self, at: datetime) -> Self:
        """Record that the caller was answered before the outcome was known."""
        self._require_undecided("deferred")
        deferred = replace(self, deferred=True, updated_at=self._not_before(at))
        return deferred._record(Change.ORDER_DEFERRED, at)

    def mark_stuck(
        self, stuck: Stuck, certain: Iterable[MovedLine] = (), by: Actor | None = None
    ) -> Self:
        """``certain``: moves that were made without a doubt; those of other items are left out."""
        if not self.awaits_stock:
            raise IllegalMove("The order waits for no stock, so it can't be stuck.", self.status)
        at = self._not_before(stuck.since)
        marked = replace(self._with_moved(certain), stuck=replace(stuck, since=at), updated_at=at)
        return marked._record(Change.ORDER_STUCK, at, by, stuck.reason)

    def decide(self, decision: Decision) -> Self:
        """Settle a stuck order by a person's word on what the inventory did, and keep the word.

        COMPLETED says that the moves in doubt were made. FAILED says that they were not made: an
        order that waits to take its goods then fails, after what is known to be taken is given
        back; a cancellation stands as if nobody had asked for it, unless a part of the goods is
        back already, and then the rest is given back too, like the goods of a hold that expired.
        """
        if self.stuck is None:
            raise IllegalMove("Only a stuck order is settled by hand.", self.status)
        if decision.outcome not in (OrderStatus.COMPLETED, OrderStatus.FAILED):
            raise InvalidValue("outcome", "must be COMPLETED or FAILED")
        if not decision.reason.strip():
            raise InvalidValue("reason", "must not be empty")
        at = self._not_before(decision.at)
        by = Actor(ActorKind.OPERATOR, decision.by)
        decided = replace(
            self, decision=replace(decision, at=at, stuck=self.stuck), stuck=None, updated_at=at
        )
        decided = decided._record(Change.ORDER_DECIDED, at, by, decision.reason, decision.outcome)
        if decision.outcome is OrderStatus.COMPLETED:
            return decided._moved_by_word(self.stuck, at, by)
        if decided.phase.takes:
            return decided._not_taken(at, by)
        return decided._without_cancellation(at, by)

    def saved(self) -> Self:
        """The order as the store holds it after the save."""
        return replace(self, version=self.version + 1, new_events=(), new_history=())

    def as_first_answered(self) -> Self:
        """The order as its first answer showed it, before anybody confirmed, extended or cancelled
        it, and before its hold expired. Where that is not the order as it is now, the version is 0,
        which no stored order has: who knows the first answer does not know the order."""
        if self.settled_at is None or self.status is OrderStatus.FAILED:
            return self
        hold = self.hold and Hold(self.hold.seconds, self.hold.slot).begin(self.settled_at)
        first = replace(
            self,
            status=OrderStatus.COMPLETED if hold is None else OrderStatus.RESERVED,
            hold=hold,
            updated_at=self.settled_at,
            cancel_requested_at=None,
            cancel_requested_by=None,
        )
        return first if first == self else replace(first, version=0)

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

    def _end(self, at: datetime, by: Actor | None) -> Self:
        """Every line is moved."""
        phase = self.phase
        if phase.is_given_up:
            return self.fail(Failure(FailureCode.ABANDONED), at, by)
        at = self._not_before(at)
        if phase.takes:
            return self._taken(at, by)
        done = replace(self, updated_at=at, stuck=None, hold=self.hold and self.hold.let_go())
        if self.cancel_requested_at is None:
            done = replace(done, status=OrderStatus.EXPIRED)
            return done._told(OrderEventType.ORDER_EXPIRED, 2, at, by)
        was_confirmed = self.hold is not None and self.status is OrderStatus.COMPLETED
        done = replace(done, status=OrderStatus.CANCELLED)
        return done._told(OrderEventType.ORDER_CANCELLED, 3 if was_confirmed else 2, at, by)

    def _taken(self, at: datetime, by: Actor | None) -> Self:
        taken = replace(
            self, total_price=total_of(self.lines), settled_at=at, updated_at=at, stuck=None
        )
        if self.hold is None:
            sold = replace(taken, status=OrderStatus.COMPLETED)
            return sold._told(OrderEventType.ORDER_CREATED, 1, at, by)
        held = replace(taken, status=OrderStatus.RESERVED, hold=self.hold.begin(at))
        return held._told(OrderEventType.ORDER_RESERVED, 1, at, by)

    def _moved_by_word(self, stuck: Stuck, at: datetime, by: Actor) -> Self:
        if stuck.intent is not None:
            moved = [each for each in stuck.intent.moved if each.item_id in stuck.items]
            return self.stock_moved(moved, at, by)
        if self.phase.takes:
            reason = "The item's price was never read, so the order can't be completed."
            raise IllegalMove(reason, self.status)
        return self._end(at, by)

    def _not_taken(self, at: datetime, by: Actor) -> Self:
        decided = Failure(FailureCode.DECIDED)
        if any(line.taken for line in self.lines):
            return self.give_up(at, decided, by)
        return self.fail(decided, at, by)

    def _without_cancellation(self, at: datetime, by: Actor) -> Self:
        """As if nobody had asked for it, unless a part of the goods is back already."""
        if self.phase is not OrderPhase.CANCELLING or any(line.returned for line in self.lines):
            return self
        kept = replace(self, cancel_requested_at=None, cancel_requested_by=None)
        return kept._record(Change.ORDER_CANCEL_DROPPED, at, by)

    def _require(self, status: OrderStatus, move: str) -> None:
        if self.status is not status:
            raise IllegalMove(f"The order is {self.status} and cannot be {move}.", self.status)

    def _require_undecided(self, move: str) -> None:
        self._require(OrderStatus.PENDING, move)
        if self.phase.is_given_up:
            raise IllegalMove(f"The order was given up and cannot be {move}.", self.status)

    def _held(self, move: str) -> Hold:
        """Raises the error that says why the order is not held."""
        phase = self.phase
        if self.status is OrderStatus.PENDING or self.status is OrderStatus.FAILED:
            self._require(OrderStatus.RESERVED, move)
        if self.hold is None:
            raise NotHeld(self.status)
        if phase in (OrderPhase.EXPIRING, OrderPhase.EXPIRING_STUCK, OrderPhase.EXPIRED):
            raise HoldExpired(self.status)
        if phase is OrderPhase.COMPLETED:
            raise HoldConfirmed(self.status)
        if phase is not OrderPhase.HELD:
            raise HoldCancelled(self.status)
        return self.hold
