"""What an order's fields tell of its history, where the history itself lacks it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from order_service.domain.history import EXPIRY, Actor, ActorKind, Change, Entry
from order_service.domain.marks import Decision, Stuck
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus

_RANKS: Final = {change: rank for rank, change in enumerate(Change)}


def whole_history(order: Order, recorded: Sequence[Entry]) -> list[Entry]:
    """The recorded entries, and among them an entry for each change that the fields tell of and
    no entry records: an older release kept no history, and of too many entries the newest stay."""
    history = list(recorded)
    known = {(entry.event, entry.at) for entry in recorded}
    for entry in _told_by_fields(order):
        if (entry.event, entry.at) not in known:
            history.insert(_place_of(entry, history), entry)
    return history


def _place_of(entry: Entry, history: Sequence[Entry]) -> int:
    after = (entry.at, _RANKS[entry.event])
    later = (n for n, each in enumerate(history) if (each.at, _RANKS[each.event]) > after)
    return next(later, len(history))


def _told_by_fields(order: Order) -> Iterator[Entry]:
    placed, pending = Change.ORDER_PLACED, OrderStatus.PENDING
    yield _told(placed, pending, order.created_at, Actor.caller(order.customer_id), version=1)
    if order.given_up_at is not None:
        yield _told(Change.ORDER_GIVEN_UP, pending, order.given_up_at)
    if order.settled_at is not None:
        yield from _outcome(order, order.settled_at)
    if order.decision is not None:
        yield from _word(order, order.decision)
    if order.stuck is not None:
        yield _doubt(order, order.stuck)
    yield from _end(order)


def _outcome(order: Order, at: datetime) -> Iterator[Entry]:
    if order.status is OrderStatus.FAILED:
        reason = order.failure.code if order.failure else None
        yield _told(Change.ORDER_FAILED, order.status, at, reason=reason)
    elif order.hold is None:
        yield _told(Change.ORDER_CREATED, OrderStatus.COMPLETED, at)
    else:
        held = _told(Change.ORDER_RESERVED, OrderStatus.RESERVED, at)
        yield replace(held, expires_at=order.hold.end_from(at))
        if order.hold.confirmed_at is not None:
            yield _told(Change.ORDER_CREATED, OrderStatus.COMPLETED, order.hold.confirmed_at)
        if order.hold.expired_at is not None:
            change, over = Change.ORDER_EXPIRY_RECORDED, order.hold.expired_at
            yield _told(change, OrderStatus.RESERVED, over, EXPIRY)


def _end(order: Order) -> Iterator[Entry]:
    if order.cancel_requested_at is not None:
        at, by = order.cancel_requested_at, order.cancel_requested_by
        yield _told(Change.ORDER_CANCEL_REQUESTED, _status_after(order, at), at, by)
    if order.status is OrderStatus.CANCELLED:
        yield _told(Change.ORDER_CANCELLED, order.status, order.updated_at)
    if order.status is OrderStatus.EXPIRED:
        yield _told(Change.ORDER_EXPIRED, order.status, order.updated_at)


def _word(order: Order, word: Decision) -> Iterator[Entry]:
    if word.stuck is not None:
        yield _doubt(order, word.stuck)
    by = Actor(ActorKind.OPERATOR, word.by)
    change, status = Change.ORDER_DECIDED, _status_before(order, word.at)
    yield _told(change, status, word.at, by, reason=word.reason, outcome=word.outcome)
    if _drops_a_cancellation(order, word):
        yield _told(Change.ORDER_CANCEL_DROPPED, status, word.at, by)


def _drops_a_cancellation(order: Order, word: Decision) -> bool:
    """Whether the goods that the order had were in doubt, and no return of them went on."""
    expired_at = order.hold.expired_at if order.hold else None
    returning_since = order.cancel_requested_at or expired_at
    goes_on = returning_since is not None and returning_since <= word.at
    had_goods = _status_before(order, word.at) is not OrderStatus.PENDING
    return word.outcome is OrderStatus.FAILED and had_goods and not goes_on


def _doubt(order: Order, stuck: Stuck) -> Entry:
    status = _status_before(order, stuck.since)
    return _told(Change.ORDER_STUCK, status, stuck.since, reason=stuck.reason)


def _status_before(order: Order, at: datetime) -> OrderStatus:
    """The status that an order which was in doubt at that time had until then."""
    if order.settled_at is None or at <= order.settled_at:
        return OrderStatus.PENDING
    return _status_after(order, at)


def _status_after(order: Order, at: datetime) -> OrderStatus:
    """The status that an order which had its goods at that time had from then on, until the goods
    went back."""
    hold = order.hold
    if hold is None or (hold.confirmed_at is not None and hold.confirmed_at <= at):
        return OrderStatus.COMPLETED
    return OrderStatus.RESERVED


def _told(
    change: Change,
    status: OrderStatus,
    at: datetime,
    by: Actor | None = None,
    version: int | None = None,
    reason: str | None = None,
    outcome: OrderStatus | None = None,
) -> Entry:
    return Entry(change, status, at, by, version, reason, outcome, recorded=False)
