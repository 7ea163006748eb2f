"""The Order aggregate.

``PENDING → COMPLETED | FAILED``, ``COMPLETED → CANCELLED``. An Order is a value: each move returns
the next one, and a move that the status forbids raises IllegalMove. Use ``Order.place`` for a new
order; the constructor is the rehydration path, for repositories.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

from order_service.domain.errors import IllegalMove, InvalidValue
from order_service.domain.events import OrderEvent, OrderEventType

MAX_QUANTITY = 2**31 - 1


class OrderStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class OrderPhase(StrEnum):
    """What an order's status and marks mean together.

    ================  =========  ==========================  ============================
    phase             status     marks                       the order waits for
    ================  =========  ==========================  ============================
    TAKING            PENDING                                its goods
    TAKING_STUCK      PENDING    stuck                       evidence, or a person
    GIVEN_UP          PENDING    given_up_at                 its failure
    COMPLETED         COMPLETED                              nothing
    CANCELLING        COMPLETED  cancel_requested_at         the return of its goods
    CANCELLING_STUCK  COMPLETED  cancel_requested_at, stuck  evidence, or a person
    CANCELLED         CANCELLED                              nothing
    FAILED            FAILED                                 nothing
    ================  =========  ==========================  ============================

    A mark that no row of the order's status names changes nothing: ``given_up_at`` stays on a
    failed order, ``cancel_requested_at`` on a cancelled order.
    """

    TAKING = "TAKING"
    TAKING_STUCK = "TAKING_STUCK"
    GIVEN_UP = "GIVEN_UP"
    COMPLETED = "COMPLETED"
    CANCELLING = "CANCELLING"
    CANCELLING_STUCK = "CANCELLING_STUCK"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def is_settled(self) -> bool:
        """Whether the order waits for nothing."""
        return self in (OrderPhase.COMPLETED, OrderPhase.CANCELLED, OrderPhase.FAILED)


class FailureCode(StrEnum):
    INSUFFICIENT_STOCK = "insufficient_stock"
    ITEM_NOT_FOUND = "item_not_found"
    INVENTORY_UNAVAILABLE = "inventory_unavailable"
    ABANDONED = "abandoned"
    DECIDED = "decided"


# A retry with the same key starts afresh after these: nothing was deducted, and nothing about the
# request itself was wrong.
_FORGETS_KEY = {FailureCode.INVENTORY_UNAVAILABLE, FailureCode.ABANDONED}


@dataclass(frozen=True, slots=True)
class Failure:
    """``available``: the units that were left, where the code is insufficient_stock."""

    code: FailureCode
    available: int | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """``key`` is unique for a caller; ``fingerprint`` tells whether a repeat asks for the same."""

    caller: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class StockMove:
    """The change of an item's stock that served one order or several. Reconciliation compares the
    moves with the stock-change log. ``at``: the time before an overwrite was sent, or at which an
    operation was answered; the time and the two stocks identify the change."""

    previous_stock: int
    new_stock: int
    at: datetime


# No item has this stock: a release that does not know ``abandons`` therefore can't decide the
# intent, and moves no stock.
_NO_STOCK = -1


@dataclass(frozen=True, slots=True)
class Intent:
    """One overwrite of an item's stock, recorded before it is sent, and the orders it serves.

    ``abandons``: the intent is no overwrite, but records that the orders are to fail, because no
    overwrite was ever sent for the orders.
    """

    order_ids: tuple[str, ...]
    previous_stock: int
    new_stock: int
    unit_price: Decimal
    recorded_at: datetime
    abandons: bool = False

    @classmethod
    def to_abandon(cls, order_id: str, at: datetime) -> Self:
        return cls((order_id,), _NO_STOCK, _NO_STOCK, Decimal(0), at, abandons=True)

    @property
    def move(self) -> StockMove:
        return StockMove(self.previous_stock, self.new_stock, self.recorded_at)


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why evidence can't decide the order; ``intent``: the overwrite whose outcome is unknown."""

    reason: str
    since: datetime
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on a stuck order, COMPLETED or FAILED; ``stuck``: why the order was stuck."""

    outcome: OrderStatus
    reason: str
    at: datetime
    stuck: Stuck | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """``taken`` and ``returned``: the moves by which the order got and gave back its goods.
    ``version``: the stored version that the next save replaces; 0 for an order not stored yet."""

    id: str
    item_id: str
    quantity: int
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    customer_id: str | None = None
    total_price: Decimal | None = None
    settled_at: datetime | None = None
    failure: Failure | None = None
    idempotency: IdempotencyKey | None = None
    deferred: bool = False
    given_up_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    taken: StockMove | None = None
    returned: StockMove | None = None
    stuck: Stuck | None = None
    decision: Decision | None = None
    version: int = 0
    new_events: tuple[OrderEvent, ...] = field(default=(), repr=False)

    @classmethod
    def place(
        cls,
        *,
        id: str,  # noqa: A002  (the aggregate's identity has no better name)
        item_id: str,
        quantity: int,
        at: datetime,
        customer_id: str | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Self:
        if not 1 <= quantity <= MAX_QUANTITY:
            raise InvalidValue("quantity", f"must be from 1 to {MAX_QUANTITY}")
        return cls(
            id=id,
            item_id=item_id,
            quantity=quantity,
            status=OrderStatus.PENDING,
            created_at=at,
            updated_at=at,
            customer_id=customer_id,
            idempotency=idempotency,
        )

    @property
    def phase(self) -> OrderPhase:
        """The phase that OrderPhase lists for the order's status and marks."""
        is_stuck = self.stuck is not None
        if self.status is OrderStatus.PENDING:
            if self.given_up_at is not None:
                return OrderPhase.GIVEN_UP
            return OrderPhase.TAKING_STUCK if is_stuck else OrderPhase.TAKING
        if self.status is OrderStatus.COMPLETED and self.cancel_requested_at is not None:
            return OrderPhase.CANCELLING_STUCK if is_stuck else OrderPhase.CANCELLING
        return OrderPhase(self.status)

    @property
    def stock_change(self) -> int:
        """The units that the order still has to move: negative to take, positive to give back."""
        if self.phase.is_settled:
            return 0
        return -self.quantity if self.status is OrderStatus.PENDING else self.quantity

    @property
    def awaiting_since(self) -> datetime | None:
        """Since when the order waits; None when the order waits for nothing."""
        if self.phase.is_settled:
            return None
        return self.cancel_requested_at or self.created_at

    @property
    def awaits_stock(self) -> bool:
        """Whether the order's stock can still be moved without new evidence."""
        return self.phase in (OrderPhase.TAKING, OrderPhase.CANCELLING)

    def was_moved_by(self, move: StockMove) -> bool:
        return move in (self.taken, self.returned)

    def stock_moved(self, unit_price: Decimal, move: StockMove, at: datetime) -> Self:
        """The inventory made the change that the order asked for. A move serves an order only
        once: an order can be cancelled while the intent that took its goods is still open, and
        that intent must not give the goods back."""
        if self.was_moved_by(move):
            return self
        if self.status is OrderStatus.PENDING:
            return replace(self.complete(unit_price, at), taken=move)
        return replace(self.cancel(at), returned=move)

    def give_up(self, at: datetime) -> Self:
        """Write-ahead of a failure: from here on nobody completes the order, and stock that the
        order took is given back."""
        self._require_undecided("given up")
        at = self._not_before(at)
        return replace(self, given_up_at=at, updated_at=at)

    def revert(self, taken: StockMove, returned: StockMove, at: datetime) -> Self:
        """Fail the order as abandoned, after its stock was taken and given back."""
        failed = self.fail(Failure(FailureCode.ABANDONED), at)
        return replace(failed, taken=taken, returned=returned)

    def complete(self, unit_price: Decimal, at: datetime) -> Self:
        self._require_undecided("completed")
        at = self._not_before(at)
        done = replace(
            self,
            status=OrderStatus.COMPLETED,
            total_price=unit_price * self.quantity,
            settled_at=at,
            updated_at=at,
            stuck=None,
        )
        return done._with_event(OrderEventType.ORDER_CREATED, at)

    def fail(self, failure: Failure, at: datetime) -> Self:
        self._require(OrderStatus.PENDING, "failed")
        at = self._not_before(at)
        failed = replace(
            self,
            status=OrderStatus.FAILED,
            failure=failure,
            settled_at=at,
            updated_at=at,
            stuck=None,
            idempotency=None if self._forgets_key(failure) else self.idempotency,
        )
        return failed._with_event(OrderEventType.ORDER_FAILED, at)

    def request_cancel(self, at: datetime) -> Self:
        """Write-ahead of a cancellation: from here on the order's stock will be given back."""
        self._require(OrderStatus.COMPLETED, "cancelled")
        at = self._not_before(at)
        return replace(self, cancel_requested_at=at, updated_at=at)

    def cancel(self, at: datetime) -> Self:
        if self.cancel_requested_at is None:
            raise IllegalMove("The order's cancellation was never requested.", self.status)
        self._require(OrderStatus.COMPLETED, "cancelled")
        at = self._not_before(at)
        done = replace(self, status=OrderStatus.CANCELLED, updated_at=at, stuck=None)
        return done._with_event(OrderEventType.ORDER_CANCELLED, at)

    def defer(self, at: datetime) -> Self:
        """Record that the caller was answered before the outcome was known."""
        self._require_undecided("deferred")
        return replace(self, deferred=True, updated_at=self._not_before(at))

    def mark_stuck(self, stuck: Stuck) -> Self:
        if not self.awaits_stock:
            raise IllegalMove("The order waits for no stock, so it can't be stuck.", self.status)
        return replace(self, stuck=stuck, updated_at=self._not_before(stuck.since))

    def decide(self, decision: Decision) -> Self:
        """Settle a stuck order by a person's word on what the inventory did, and keep the word.

        For a stuck cancellation, COMPLETED says that the stock came back, and FAILED that the
        stock did not come back: the order then stands as if nobody had asked for a cancellation.
        """
        if self.stuck is None:
            raise IllegalMove("Only a stuck order is settled by hand.", self.status)
        if decision.outcome not in (OrderStatus.COMPLETED, OrderStatus.FAILED):
            raise InvalidValue("outcome", "must be COMPLETED or FAILED")
        if not decision.reason.strip():
            raise InvalidValue("reason", "must not be empty")
        decided = replace(self, decision=replace(decision, stuck=self.stuck))
        if decision.outcome is OrderStatus.COMPLETED:
            return decided._moved_by_word(self.stuck.intent, decision.at)
        if self.status is OrderStatus.COMPLETED:
            at = self._not_before(decision.at)
            return replace(decided, cancel_requested_at=None, stuck=None, updated_at=at)
        return decided.fail(Failure(FailureCode.DECIDED), decision.at)

    def _moved_by_word(self, intent: Intent | None, at: datetime) -> Self:
        if intent is not None:
            return self.stock_moved(intent.unit_price, intent.move, at)
        if self.status is OrderStatus.PENDING:
            reason = "The item's price was never read, so the order can't be completed."
            raise IllegalMove(reason, self.status)
        return self.cancel(at)

    def saved(self) -> Self:
        """The order as the store holds it after the save."""
        return replace(self, version=self.version + 1, new_events=())

    def as_first_answered(self) -> Self:
        """The order as its first answer showed it, before any cancellation."""
        if self.status is not OrderStatus.CANCELLED and self.cancel_requested_at is None:
            return self
        assert self.settled_at is not None
        return replace(self, status=OrderStatus.COMPLETED, updated_at=self.settled_at)

    def _not_before(self, at: datetime) -> datetime:
        # Another process may make the next move, and its clock may be a little behind.
        return max(at, self.updated_at)

    def _forgets_key(self, failure: Failure) -> bool:
        # The caller was shown a deferred order, so the key keeps answering with that order.
        return failure.code in _FORGETS_KEY and not self.deferred

    def _require(self, status: OrderStatus, move: str) -> None:
        if self.status is not status:
            raise IllegalMove(f"The order is {self.status} and cannot be {move}.", self.status)

    def _require_undecided(self, move: str) -> None:
        self._require(OrderStatus.PENDING, move)
        if self.phase is OrderPhase.GIVEN_UP:
            raise IllegalMove(f"The order was given up and cannot be {move}.", self.status)

    def _with_event(self, event_type: OrderEventType, at: datetime) -> Self:
        event = OrderEvent(
            type=event_type,
            order_id=self.id,
            item_id=self.item_id,
            quantity=self.quantity,
            total_price=self.total_price,
            status=str(self.status),
            occurred_at=at,
        )
        return replace(self, new_events=(*self.new_events, event))
