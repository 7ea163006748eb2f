"""Moving stock under an inventory that can only be read and overwritten.

Only the holder of the item's lease reads and overwrites the stock. The holder records the overwrite
as an intent, together with the lease, before sending it. An intent that is open after its lease
ended is settled before anything else happens to the item. Why this is safe, and which one hole an
overwriting inventory leaves: docs/adr/0001-lease-over-an-overwriting-inventory.md.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.group_commit import Draw, GroupCommit
from order_service.application.stock.lease import Lease, LeaseStore
from order_service.application.stock.moving import (
    Change,
    fail_for_missing_item,
    store_changed,
)
from order_service.domain.errors import (
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    StoreUnavailable,
)
from order_service.domain.order import Failure, FailureCode, Intent, Order, Stuck
from order_service.domain.stock import Plan, StockReading, Verdict, judge, plan_overwrite


class OverwritingInventory(Protocol):
    """The absolute contract: stock is read, and overwritten with a new value."""

    def available(self) -> bool:
        """False while the circuit breaker sheds load."""
        ...

    def read(self, item_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        """Set the stock. Sent only if its time-outs end before ``not_after`` (monotonic seconds).

        Raises ItemNotFound, InventoryUnavailable (not sent), OutcomeUnknown.
        """
        ...


class Turns(Protocol):
    """Turns at an item, among processes that can tell each other. A turn is a courtesy: who gets
    no turn soon goes on without a turn, and only the lease decides."""

    def at(self, item_id: str) -> AbstractContextManager[None]: ...


class StockEvidence(Protocol):
    """The stock-change log, as evidence of an overwrite's outcome."""

    def has_change(
        self, item_id: str, previous_stock: int, new_stock: int, since: datetime
    ) -> bool:
        """Whether the change was made at ``since`` or later by the inventory's own clock: the log
        may receive an older change late."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A lease that this process holds until ``not_after``, in monotonic seconds, at the least."""

    lease: Lease
    not_after: float


class LeasedStock:
    def __init__(
        self,
        inventory: OverwritingInventory,
        leases: LeaseStore,
        orders: OrderRepository,
        changes: StockEvidence,
        turns: Turns,
        clock: Clock,
        executor: Executor,
        lease_seconds: float,
    ) -> None:
        self._inventory = inventory
        self._leases = leases
        self._orders = orders
        self._changes = changes
        self._turns = turns
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._group = GroupCommit(self._commit, executor, clock.monotonic)

    def require_available(self) -> None:
        if not self._inventory.available():
            raise InventoryUnavailable("The inventory has been failing, so it is not asked now.")

    def move(self, order: Order, deadline: float) -> Order:
        return self._group.submit(order, deadline)

    def recover(self, order: Order, deadline: float) -> Order:
        if order.stuck is not None:
            return self._look_for_new_evidence(order, order.stuck)
        free = self._wait_for_free(order.item_id, deadline)
        current = self._orders.get(order.id)
        if current is None or not current.awaits_stock:
            return current or order
        if current.stock_change > 0:
            return self.move(current, deadline)
        return self._abandon(free, current)

    def _commit(self, item_id: str, draw: Draw, deadline: float) -> dict[str, Order]:
        with self._turns.at(item_id):
            return self._commit_now(item_id, draw, deadline)

    def _commit_now(self, item_id: str, draw: Draw, deadline: float) -> dict[str, Order]:
        lease = self._wait_for_free(item_id, deadline)
        ids = [order.id for order in draw()]
        while True:
            # Loaded after the lease was seen free: another process that decides an order acquires
            # the lease first, and then the acquisition below fails.
            orders = {order.id: order for order in self._orders.get_many(ids)}
            waiting = [order for order in orders.values() if order.awaits_stock]
            if not waiting:
                return orders
            try:
                plan = plan_overwrite(self._inventory.read(item_id), waiting, self._clock.now())
            except ItemNotFound:
                return orders | self._store(waiting, self._fail_for_missing_item)
            if plan.intent is None:
                return orders | self._store_refused(plan)
            moved = self._try_to_move(lease, plan, plan.intent, deadline)
            if moved is not None:
                return orders | moved
            lease = self._wait_for_free(item_id, deadline)

    def _try_to_move(
        self, free: Lease, plan: Plan, intent: Intent, deadline: float
    ) -> dict[str, Order] | None:
        """None when somebody else acquired the lease first."""
        try:
            held = self._acquire(free, intent)
            return self._carry_out(held, plan, intent, deadline) if held else None
        except StoreUnavailable as error:
            # The intent may be recorded, and then the lease's next holder carries it out.
            message = "The store became unavailable while the stock was being moved."
            raise OutcomeUnknown(message, in_flight=True) from error

    def _carry_out(
        self, held: _Held, plan: Plan, intent: Intent, deadline: float
    ) -> dict[str, Order]:
        try:
            self._overwrite(held, intent, deadline)
        except InventoryUnavailable:
            self._withdraw(held)
            raise
        except ItemNotFound:
            self._withdraw(held)
            return self._store(plan.served, self._fail_for_missing_item)
        moved = self._store(plan.served, lambda order: self._moved(order, intent))
        refused = self._store_refused(plan)
        self._leases.release(held.lease)
        return moved | refused

    def _overwrite(self, held: _Held, intent: Intent, deadline: float) -> None:
        """Returns once the overwrite is applied. Raises InventoryUnavailable when the overwrite was
        not applied, ItemNotFound, OutcomeUnknown."""
        if intent.new_stock == intent.previous_stock:
            return
        item_id = held.lease.item_id
        try:
            self._inventory.overwrite(item_id, intent.new_stock, held.not_after)
        except OutcomeUnknown as unknown:
            self._find_out(item_id, intent, unknown, min(deadline, held.not_after))

    def _find_out(
        self, item_id: str, intent: Intent, unknown: OutcomeUnknown, until: float
    ) -> None:
        for _ in attempts(self._clock, until):
            try:
                stock = self._inventory.read(item_id).stock
            except (InventoryUnavailable, ItemNotFound):
                continue
            verdict = judge(intent, (), stock)
            if verdict is Verdict.APPLIED:
                return
            if verdict is Verdict.UNDECIDED and self._logged(item_id, intent):
                return
            if verdict is Verdict.NOT_APPLIED and not unknown.in_flight:
                raise InventoryUnavailable("The inventory did not carry out the change.")
        raise unknown

    def _wait_for_free(self, item_id: str, deadline: float) -> Lease:
        for _ in attempts(self._clock, deadline):
            lease = self._leases.look(item_id)
            if lease.held:
                continue
            if lease.intent is None:
                return lease
            self._settle(lease, lease.intent, deadline)
        raise InventoryUnavailable("Other orders of this item took too long.")

    def _settle(self, lease: Lease, intent: Intent, deadline: float) -> None:
        """Finish the overwrite that the lease's last holder left open, applied or not."""
        held = self._acquire(lease, intent)
        if held is None:
            return
        orders = self._orders.get_many(intent.order_ids)
        waiting = [o for o in orders if o.awaits_stock and not o.was_moved_by(intent.move)]
        if intent.abandons:
            self._store(waiting, self._fail_as_abandoned)
        elif waiting:
            try:
                reason = self._doubt(held, intent, orders, deadline)
            except OutcomeUnknown as unknown:
                message = "An earlier order of this item is not settled yet."
                raise InventoryUnavailable(message) from unknown
            if reason is None:
                self._store(waiting, lambda order: self._moved(order, intent))
            else:
                stuck = Stuck(reason, self._clock.now(), intent)
                self._store(waiting, lambda order: order.mark_stuck(stuck))
        self._leases.release(held.lease)

    def _doubt(
        self, held: _Held, intent: Intent, orders: Sequence[Order], deadline: float
    ) -> str | None:
        """None when the intent is applied, before or by this call; else why nobody can tell."""
        item_id = held.lease.item_id
        try:
            stock = self._inventory.read(item_id).stock
            verdict = judge(intent, orders, stock)
            if verdict is Verdict.NOT_APPLIED:
                self._overwrite(held, intent, deadline)
                return None
        except ItemNotFound:
            return "The inventory no longer has the item, so the item's stock shows nothing."
        if verdict is Verdict.APPLIED or self._logged(item_id, intent):
            return None
        return (
            f"The stock was to go from {intent.previous_stock} to {intent.new_stock} and is "
            f"{stock}: somebody else wrote it, and the stock-change log lacks the change."
        )

    def _look_for_new_evidence(self, order: Order, stuck: Stuck) -> Order:
        intent = stuck.intent
        if intent is None or not self._logged(order.item_id, intent):
            return order
        return self._store([order], lambda each: self._moved(each, intent))[order.id]

    def _abandon(self, free: Lease, order: Order) -> Order:
        """Fail an order whose deduction was never sent, so that nobody sends the deduction later.

        The lease records the failure as an intent. Without it, a slow process could fail the order
        after its lease has ended and another process has served the order.
        """
        held = self._acquire(free, Intent.to_abandon(order.id, self._clock.now()))
        if held is None:
            return order
        failed = self._store([order], self._fail_as_abandoned)
        self._leases.release(held.lease)
        return failed[order.id]

    def _acquire(self, lease: Lease, intent: Intent) -> _Held | None:
        not_after = self._clock.monotonic() + self._lease_seconds
        got = self._leases.acquire(lease, intent)
        return _Held(got, not_after) if got else None

    def _withdraw(self, held: _Held) -> None:
        """Clear the intent for good before an order fails, or the intent would be carried out."""
        if not self._leases.clear(held.lease):
            raise OutcomeUnknown("The lease was lost.", in_flight=True)

    def _store_refused(self, plan: Plan) -> dict[str, Order]:
        available = {order.id: left for order, left in plan.refused}

        def fail(order: Order) -> Order:
            failure = Failure(FailureCode.INSUFFICIENT_STOCK, max(0, available[order.id]))
            return order.fail(failure, self._clock.now())

        return self._store([order for order, _ in plan.refused], fail)

    def _store(self, orders: Sequence[Order], change: Change) -> dict[str, Order]:
        return store_changed(self._orders, orders, change)

    def _moved(self, order: Order, intent: Intent) -> Order:
        return order.stock_moved(intent.unit_price, intent.move, self._clock.now())

    def _fail_for_missing_item(self, order: Order) -> Order:
        return fail_for_missing_item(order, self._clock.now())

    def _fail_as_abandoned(self, order: Order) -> Order:
        return order.fail(Failure(FailureCode.ABANDONED), self._clock.now())

    def _logged(self, item_id: str, intent: Intent) -> bool:
        return self._changes.has_change(
            item_id, intent.previous_stock, intent.new_stock, intent.recorded_at
        )
