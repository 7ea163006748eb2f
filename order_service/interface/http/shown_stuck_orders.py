"""Orders that wait too long, as the API shows them: why, and what would decide each."""

from datetime import datetime, timedelta
from typing import Final, Self

from order_service.application.orders.list_open import OpenOrders
from order_service.domain.errors import IllegalMove
from order_service.domain.marks import Stuck
from order_service.domain.moves import Overwrite
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.domain.ways_out import by_evidence, by_word, end_of
from order_service.interface.http.answers import Answer, Id, ShownOrder, Time

# A person's words on what the inventory did.
OUTCOMES: Final = {"completed": OrderStatus.COMPLETED, "failed": OrderStatus.FAILED}


class ShownChangeInDoubt(Answer):
    """Once the stock-change log has these changes, made since `recordedAt`, the order is settled
    without a person's word."""

    item_id: Id
    previous_stock: int
    new_stock: int

    @classmethod
    def of(cls, overwrite: Overwrite) -> Self:
        return cls.model_construct(
            item_id=overwrite.item_id,
            previous_stock=overwrite.previous_stock,
            new_stock=overwrite.new_stock,
        )


class ShownWayOut(Answer):
    status: OrderStatus
    """What the order becomes, or stays."""
    settled: bool
    """False: the worker still has to move stock before that."""

    @classmethod
    def to(cls, after: Order) -> Self:
        return cls.model_construct(status=end_of(after), settled=after.phase.is_settled)


class ShownWords(Answer):
    completed: ShownWayOut | None
    """Null: such a word can't settle the order, because a price was never read."""
    failed: ShownWayOut | None

    @classmethod
    def about(cls, order: Order) -> Self:
        completed, failed = (_after(order, outcome) for outcome in OUTCOMES.values())
        return cls.model_construct(completed=completed, failed=failed)


class ShownStuckOrder(Answer):
    order: ShownOrder
    version: int
    """As in the order's ETag, for the If-Match of a word about just this."""
    since: Time
    reason: str
    waits_for_seconds: float
    """Since the order was placed, was to be cancelled, or expired."""
    recorded_at: Time | None
    """When the changes in doubt were recorded, before they were sent; null where none is known."""
    shared_with: int
    """How many other orders the same overwrite of the stock was to serve."""
    changes_in_doubt: list[ShownChangeInDoubt]
    by_evidence: ShownWayOut | None
    """Null where nothing that the service could see decides the order."""
    by_word: ShownWords

    @classmethod
    def of(cls, order: Order, stuck: Stuck, now: datetime) -> Self:
        intent, after = stuck.intent, by_evidence(order)
        return cls.model_construct(
            order=ShownOrder.of(order),
            version=order.version,
            since=stuck.since,
            reason=stuck.reason,
            waits_for_seconds=_waited(order, now),
            recorded_at=intent.recorded_at if intent else None,
            shared_with=len(intent.order_ids) - 1 if intent else 0,
            changes_in_doubt=[ShownChangeInDoubt.of(each) for each in stuck.overwrites_in_doubt],
            by_evidence=ShownWayOut.to(after) if after else None,
            by_word=ShownWords.about(order),
        )


class ShownOverdueOrder(Answer):
    order: ShownOrder
    waits_for_seconds: float

    @classmethod
    def of(cls, order: Order, now: datetime) -> Self:
        return cls.model_construct(
            order=ShownOrder.of(order), waits_for_seconds=_waited(order, now)
        )


class ShownOverdueHold(Answer):
    order: ShownOrder
    overdue_for_seconds: float

    @classmethod
    def of(cls, order: Order, now: datetime) -> Self:
        over = _seconds(order.held_until, now)
        return cls.model_construct(order=ShownOrder.of(order), overdue_for_seconds=over)


class StuckOrdersAnswer(Answer):
    """Of each kind those that have waited longest, first."""

    now: Time
    """By the store's clock, by which all of these times are."""
    stuck: list[ShownStuckOrder]
    """Somebody else wrote the stock of an item, so nothing tells whether the order's own change of
    it was made."""
    overdue: list[ShownOverdueOrder]
    """The worker has yet to settle them: does one run, and does it reach the inventory?"""
    holds: list[ShownOverdueHold]
    """Their holds are over, and the worker has yet to expire them."""
    more: bool
    """There may be more of a kind than the limit."""

    @classmethod
    def of(cls, found: OpenOrders) -> Self:
        now = found.now
        return cls.model_construct(
            now=now,
            stuck=[ShownStuckOrder.of(each, each.stuck, now) for each in found.stuck if each.stuck],
            overdue=[ShownOverdueOrder.of(each, now) for each in found.overdue],
            holds=[ShownOverdueHold.of(each, now) for each in found.holds],
            more=found.more,
        )


def _after(order: Order, outcome: OrderStatus) -> ShownWayOut | None:
    try:
        return ShownWayOut.to(by_word(order, outcome))
    except IllegalMove:
        return None


def _waited(order: Order, now: datetime) -> float:
    return _seconds(order.awaiting_since, now)


def _seconds(since: datetime | None, now: datetime) -> float:
    return round(((now - since) if since else timedelta()).total_seconds(), 3)
