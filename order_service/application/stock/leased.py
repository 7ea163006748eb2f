"""Moving stock under an inventory that can only be read and overwritten.

Only the holder of an item's lease reads and overwrites the item's stock. The orders that wait for
the same items share a commit: all of their overwrites, recorded as one intent on the lease of the
highest item, the primary, before the first overwrite is sent. Taking the primary's lease with the
intent decides the commit. What was left open after a lease ended is finished before anything else
happens to its item. Why this is safe, and which one hole an overwriting inventory leaves:
docs/adr/0001-lease-over-an-overwriting-inventory.md, 0008-orders-of-several-items.md.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.acquiring import Acquiring, Decide, Held
from order_service.application.stock.finishing import Finishing
from order_service.application.stock.group_commit import OTHERS_TOOK_TOO_LONG, Draw, GroupCommit
from order_service.application.stock.lease import Lease, LeaseStore
from order_service.application.stock.moving import refuse, store_changed
from order_service.application.stock.overwriting import (
    Overwriting,
    OverwritingInventory,
    StockEvidence,
)
from order_service.domain.errors import (
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    StoreUnavailable,
)
from order_service.domain.history import SETTLEMENT, Actor
from order_service.domain.marks import Stuck
from order_service.domain.moves import Intent
from order_service.domain.order import Order
from order_service.domain.stock import Plan, plan_overwrites


class Turns(Protocol):
    """Turns at items, among threads and processes that can tell each other. A turn is a courtesy:
    who gets no turn soon goes on without a turn, and only the leases decide."""

    def at(self, item_ids: Sequence[str]) -> AbstractContextManager[None]: ...


class LeasedStock:
    """``commits`` runs the commits, and ``calls`` the calls that a commit makes side by side: no
    commit waits for a thread that another commit keeps. ``by``: who moves the stock, for the
    orders' history; None for whoever asked for it."""

    def __init__(
        self,
        inventory: OverwritingInventory,
        leases: LeaseStore,
        orders: OrderRepository,
        changes: StockEvidence,
        turns: Turns,
        clock: Clock,
        commits: Executor,
        calls: Executor,
        lease_seconds: float,
        by: Actor | None = None,
        correlation: Correlation = UNCORRELATED,
    ) -> None:
        self._by = by
        self._correlation = correlation
        self._inventory = inventory
        self._leases = leases
        self._orders = orders
        self._turns = turns
        self._clock = clock
        self._acquiring = Acquiring(leases, clock, lease_seconds)
        self._overwriting = Overwriting(inventory, changes, self._acquiring, clock, calls)
        self._finishing = Finishing(
            self._overwriting, self._acquiring, leases, orders, clock, calls
        )
        self._group = GroupCommit(self._commit, commits, clock.monotonic)

    def require_available(self) -> None:
        if not self._inventory.available():
            raise InventoryUnavailable("The inventory has been failing, so it is not asked now.")

    def move(self, order: Order, deadline: float) -> Order:
        return self._group.submit(order, deadline)

    def recover(self, order: Order, deadline: float) -> Order:
        if order.stuck is not None:
            return self._look_for_new_evidence(order, order.stuck)
        if not order.awaits_stock:
            return order
        [primary] = self._finishing.wait_for_free([max(order.stock_changes)], deadline)
        current = self._orders.get(order.id)
        if current is None or not current.awaits_stock:
            return current or order
        if current.phase.takes:
            return self._abandon(primary, current)
        return self.move(current, deadline)

    def _commit(self, item_ids: Sequence[str], draw: Draw, deadline: float) -> dict[str, Order]:
        lost = False
        if len(item_ids) > 1:
            # Without turns at first: while one item's inventory hangs, nobody should wait for a
            # turn at the others.
            leases = self._leases.look(item_ids)
            if not any(lease.held or lease.is_open for lease in leases):
                done = self._try(leases, draw, deadline)
                if done is not None:
                    return done
                lost = True
        with self._turns.at(item_ids):
            # With pauses, so that two processes which take each other's leases away don't go on so.
            for _ in attempts(self._clock, deadline):
                done = self._try_reserved(item_ids, draw, deadline) if lost else None
                if done is None:
                    leases = self._finishing.wait_for_free(item_ids, deadline)
                    done = self._try(leases, draw, deadline)
                if done is not None:
                    return done
                lost = len(item_ids) > 1
        raise InventoryUnavailable(OTHERS_TOOK_TOO_LONG)

    def _try(self, free: Sequence[Lease], draw: Draw, deadline: float) -> dict[str, Order] | None:
        """None when somebody else acquired one of the leases first, or an item is gone since."""
        items = [lease.item_id for lease in free]
        return self._serve(items, draw, deadline, partial(self._acquiring.acquire_all, free))

    def _try_reserved(
        self, item_ids: Sequence[str], draw: Draw, deadline: float
    ) -> dict[str, Order] | None:
        """``_try`` where others were faster: orders of one line need a look, a reading and a write
        while one lease is free, and a commit of several items may find no such moment for all of
        its leases. The inventory has just answered for every item, so that no lease is held for
        long.
        """
        with self._acquiring.reserved(item_ids) as decide:
            return self._serve(item_ids, draw, deadline, decide) if decide else None

    def _serve(
        self, item_ids: Sequence[str], draw: Draw, deadline: float, decide: Decide
    ) -> dict[str, Order] | None:
        # Loaded after the leases were seen free: another process that decides an order acquires
        # its primary's lease first, and then the acquisition below fails.
        ids = [order.id for order in draw()]
        orders = {order.id: order for order in self._orders.get_many(ids)}
        waiting = [order for order in orders.values() if order.awaits_stock]
        if not waiting:
            return orders
        with self._correlation.working_on("move stock", waiting):
            moved = self._move(waiting, item_ids, deadline, decide)
        return None if moved is None else orders | moved

    def _move(
        self, waiting: Sequence[Order], item_ids: Sequence[str], deadline: float, decide: Decide
    ) -> dict[str, Order] | None:
        readings = self._overwriting.read_all(item_ids)
        plan = plan_overwrites(readings, waiting, self._clock.now())
        if plan.intent is None:
            return self._store_refused(plan)
        try:
            held = decide(plan.intent)
            return self._carry_out(held, plan, plan.intent, deadline) if held else None
        except StoreUnavailable as error:
            # The intent may be recorded, and then the lease's next holder carries it out.
            message = "The store became unavailable while the stock was being moved."
            raise OutcomeUnknown(message, in_flight=True) from error

    def _carry_out(
        self, held: Held, plan: Plan, intent: Intent, deadline: float
    ) -> dict[str, Order] | None:
        """None when an item is gone that was there a moment ago: it has to be planned anew."""
        try:
            self._overwriting.make_all(intent, held, deadline)
        except InventoryUnavailable:
            self._acquiring.withdraw(held)
            raise
        except ItemNotFound:
            self._acquiring.withdraw(held)
            return None
        moved = store_changed(
            self._orders,
            plan.served,
            lambda order: order.stock_moved(intent.moved, self._clock.now(), self._by),
        )
        refused = self._store_refused(plan)
        self._acquiring.release(held)
        return moved | refused

    def _look_for_new_evidence(self, order: Order, stuck: Stuck) -> Order:
        if stuck.intent is None:
            return order
        doubtful = [each for each in stuck.intent.moved if each.item_id in stuck.items]
        if not all(map(self._overwriting.is_logged, doubtful)):
            return order
        return store_changed(
            self._orders,
            [order],
            lambda each: each.stock_moved(doubtful, self._clock.now(), SETTLEMENT),
        )[order.id]

    def _abandon(self, primary: Lease, order: Order) -> Order:
        """Fail an order whose deduction was never sent, so that nobody sends the deduction later.

        The primary's lease records the failure as an intent. Without it, a slow process could fail
        the order after its lease has ended and another process has served the order.
        """
        intent = Intent.to_abandon(order.id, self._clock.now())
        held = self._acquiring.acquire(primary, intent)
        if held is None:
            return order
        failed = store_changed(self._orders, [order], self._finishing.fail_as_abandoned)
        self._acquiring.release(held)
        return failed[order.id]

    def _store_refused(self, plan: Plan) -> dict[str, Order]:
        short = {order.id: shortages for order, shortages in plan.refused}
        return store_changed(
            self._orders,
            [order for order, _ in plan.refused],
            lambda order: refuse(order, short[order.id], self._clock.now(), self._by),
        )
