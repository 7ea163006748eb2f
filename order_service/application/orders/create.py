"""Create an order: store the order PENDING, move its stock, store the outcome, answer."""

import random
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.ports import OrderRepository, StockMover
from order_service.application.orders.refusal import require_not_refused
from order_service.domain.errors import (
    InvalidValue,
    InventoryUnavailable,
    KeyInFlight,
    KeyReused,
    OutcomeUnknown,
    StoreUnavailable,
    TooManyHolds,
    VersionConflict,
)
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode, IdempotencyKey
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus


class IdempotencyKeyTaken(Exception):
    """The order ``holder`` is stored with this caller's key already."""

    def __init__(self, holder: Order) -> None:
        super().__init__(holder.id)
        self.holder = holder


class HoldSlotTaken(Exception):
    """Another held order of this customer is stored with this slot already."""


class NewOrders(OrderRepository, Protocol):
    """The repository, with what a new order needs."""

    def next_id(self) -> str: ...

    def add(self, order: Order) -> Order:
        """Raises IdempotencyKeyTaken when the order's key is stored with another order, and
        HoldSlotTaken when the slot of its hold is."""
        ...

    def holder_of(self, key: IdempotencyKey) -> Order | None:
        """The order that is stored with this caller's key."""
        ...

    def hold_slots(self, customer_id: str) -> Set[int]:
        """The slots of the customer's orders that hold stock, or are about to."""
        ...

    def forget_key(self, order_id: str) -> None:
        """Free the order's idempotency key, whose lifetime is over."""
        ...


@dataclass(frozen=True, slots=True)
class CreateOrderCommand:
    """``lines``: as the customer gave them, not priced yet. ``hold_seconds``: how long the order is
    to be held; None to sell it at once. The rest as Order has it."""

    lines: Sequence[Line]
    customer_id: str | None = None
    reference: str | None = None
    metadata: Mapping[str, str] | None = field(default=None, repr=False)
    hold_seconds: int | None = None
    idempotency: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class CreateOrderResult:
    """``deferred``: the outcome is not known yet, and settlement decides the order."""

    order: Order
    deferred: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """``seconds``: how long an order may be held at most. ``for_each_customer``: how many orders
    one customer may hold at a time; customers are known by their tokens alone."""

    seconds: int
    for_each_customer: int


class CreateOrder:
    """``move_budget``: seconds from the request's start until the stock must have been moved.
    ``currency``: that of the inventory's prices, as ISO 4217; None where it is not known."""

    def __init__(
        self,
        orders: NewOrders,
        stock: StockMover,
        clock: Clock,
        move_budget: float,
        key_lifetime: timedelta,
        holds: HoldLimits,
        currency: str | None = None,
        correlation: Correlation = UNCORRELATED,
    ) -> None:
        self._correlation = correlation
        self._orders = orders
        self._stock = stock
        self._clock = clock
        self._move_budget = move_budget
        self._key_lifetime = key_lifetime
        self._holds = holds
        self._currency = currency

    def __call__(self, command: CreateOrderCommand) -> CreateOrderResult:
        """Raises InvalidValue, InsufficientStock, ItemNotFound, InventoryUnavailable,
        StoreUnavailable, KeyInFlight, KeyReused and TooManyHolds."""
        deadline = self._clock.monotonic() + self._move_budget
        if (command.hold_seconds or 0) > self._holds.seconds:
            raise InvalidValue("holdSeconds", f"must be {self._holds.seconds} at most")
        if command.idempotency is None:
            # A request with a key may have an answer already, whatever the inventory does.
            self._stock.require_available()
        try:
            order = self._add(command)
        except IdempotencyKeyTaken as taken:
            self._correlation.concerns(taken.holder.id)
            return self._replay(taken.holder, command)
        self._correlation.concerns(order.id)
        try:
            moved = self._stock.move(order, deadline)
        except InventoryUnavailable as error:
            return self._give_up(order, error)
        except OutcomeUnknown:
            return self._answer(order)
        return self._answer(moved)

    def _add(self, command: CreateOrderCommand) -> Order:
        while True:
            now = self._clock.now()
            try:
                return self._orders.add(self._placed(command, now))
            except HoldSlotTaken:
                # Another request of the customer was faster: there may be another slot.
                continue
            except IdempotencyKeyTaken as taken:
                if taken.holder.created_at + self._key_lifetime > now:
                    raise
                self._orders.forget_key(taken.holder.id)

    def _placed(self, command: CreateOrderCommand, now: datetime) -> Order:
        """Raises IdempotencyKeyTaken and TooManyHolds where the customer holds too many orders."""
        return Order.place(
            id=self._orders.next_id(),
            lines=command.lines,
            at=now,
            origin=self._correlation.origin(),
            customer_id=command.customer_id,
            reference=command.reference,
            metadata=command.metadata,
            currency=self._currency,
            hold=self._hold(command),
            idempotency=command.idempotency,
        )

    def _hold(self, command: CreateOrderCommand) -> Hold | None:
        if command.hold_seconds is None:
            return None
        if command.customer_id is None:
            return Hold(command.hold_seconds)
        most = self._holds.for_each_customer
        taken = self._orders.hold_slots(command.customer_id)
        if len(taken) < most:
            # Any, so that requests of the same moment don't all want the same slot.
            free = [slot for slot in range(1, most + 1) if slot not in taken]
            return Hold(command.hold_seconds, random.choice(free))  # noqa: S311
        if command.idempotency and (holder := self._orders.holder_of(command.idempotency)):
            raise IdempotencyKeyTaken(holder)
        raise TooManyHolds(most)

    def _replay(self, holder: Order, command: CreateOrderCommand) -> CreateOrderResult:
        assert holder.idempotency is not None
        assert command.idempotency is not None
        if holder.idempotency.fingerprint != command.idempotency.fingerprint:
            raise KeyReused
        if holder.deferred or holder.stuck or holder.decision:
            return CreateOrderResult(holder, deferred=True, replayed=True)
        if holder.status is OrderStatus.PENDING and holder.failure is None:
            raise KeyInFlight
        require_not_refused(holder, replayed=True)
        return CreateOrderResult(holder.as_first_answered(), replayed=True)

    def _give_up(self, order: Order, error: InventoryUnavailable) -> CreateOrderResult:
        failure = Failure(FailureCode.INVENTORY_UNAVAILABLE)
        try:
            self._orders.save(order.fail(failure, self._clock.now()))
        except StoreUnavailable:
            # The order stays PENDING, and nothing was sent: settlement will fail the order.
            raise error from None
        except VersionConflict:
            return self._answer(order)
        raise error

    def _answer(self, order: Order) -> CreateOrderResult:
        """Answer an order that is still PENDING as deferred, but only after the deferral is
        stored: from then on the order keeps its key. If the deferral can't be stored, the key is
        still in flight."""
        try:
            while order.phase.takes:
                with suppress(VersionConflict):
                    deferred = self._orders.save(order.defer(self._clock.now()))
                    return CreateOrderResult(deferred, deferred=True)
                order = self._orders.get(order.id) or order
        except StoreUnavailable:
            if order.idempotency is not None:
                raise KeyInFlight from None
            return CreateOrderResult(order, deferred=True)
        require_not_refused(order)
        return CreateOrderResult(order)
