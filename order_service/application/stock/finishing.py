"""Finishing what a lease's last holder left open: roll forward what was decided, withdraw what was
not, never guess."""

from collections.abc import Sequence
from concurrent.futures import Executor

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.acquiring import Acquiring, Held
from order_service.application.stock.group_commit import OTHERS_TOOK_TOO_LONG
from order_service.application.stock.lease import Lease, LeaseStore, Primary
from order_service.application.stock.moving import for_each, in_parts, store_changed
from order_service.application.stock.overwriting import Overwriting
from order_service.domain.errors import InventoryUnavailable, ItemNotFound, OutcomeUnknown
from order_service.domain.history import SETTLEMENT
from order_service.domain.marks import Failure, FailureCode, Stuck
from order_service.domain.moves import Intent, MovedLine
from order_service.domain.order import Order
from order_service.domain.stock import Readings, StockReading, Verdict, judge


class Finishing:
    def __init__(
        self,
        overwriting: Overwriting,
        acquiring: Acquiring,
        leases: LeaseStore,
        orders: OrderRepository,
        clock: Clock,
        executor: Executor,
    ) -> None:
        self._overwriting = overwriting
        self._acquiring = acquiring
        self._leases = leases
        self._orders = orders
        self._clock = clock
        self._executor = executor

    def wait_for_free(self, item_ids: Sequence[str], deadline: float) -> list[Lease]:
        """The leases, all of them free, with nothing open. Raises InventoryUnavailable."""
        for _ in attempts(self._clock, deadline):
            leases = self._leases.look(item_ids)
            if any(lease.held for lease in leases):
                continue
            left_open = next((lease for lease in leases if lease.is_open), None)
            if left_open is None:
                return leases
            self._finish(left_open, deadline)
        raise InventoryUnavailable(OTHERS_TOOK_TOO_LONG)

    def _finish(self, lease: Lease, deadline: float) -> None:
        if lease.intent is not None:
            self._settle(lease, lease.intent, deadline)
        elif lease.primary is not None:
            self._ask_primary(lease, lease.primary, deadline)

    def _ask_primary(self, secondary: Lease, primary: Primary, deadline: float) -> None:
        """The primary's lease tells whether the commit that took the secondary was decided."""
        found = self._leases.look_durably(primary.item_id)
        if found.intent is not None and found.intent.fence == primary.fence:
            if not found.held:
                self._settle(found, found.intent, deadline)
        elif found.fence >= primary.fence:
            self._leases.clear(secondary)
        elif moved_on := self._leases.acquire(found, None):
            self._leases.clear(moved_on)
            if moved_on.fence >= primary.fence:
                # Nobody can decide the commit any more.
                self._leases.clear(secondary)

    def _settle(self, lease: Lease, intent: Intent, deadline: float) -> None:
        """Finish the overwrites that the lease's last holder left open, applied or not. The lease
        of the primary guards every item of the intent, until the intent is cleared."""
        held = self._acquiring.acquire(lease, intent)
        if held is None:
            return
        waiting = _waiting(self._orders.get_many(intent.order_ids), intent)
        if intent.abandons:
            store_changed(self._orders, waiting, self.fail_as_abandoned)
        elif waiting:
            self._roll_forward(held, intent, deadline)
        self._leases.release([*self._secondaries_of(held.primary, intent), held.primary])

    def fail_as_abandoned(self, order: Order) -> Order:
        return order.fail(Failure(FailureCode.ABANDONED), self._clock.now(), SETTLEMENT)

    def _roll_forward(self, held: Held, intent: Intent, deadline: float) -> None:
        doubts: dict[str, str] = {}
        waiting: list[Order] = []
        for part in in_parts(intent.changes):
            held = self._acquiring.fresh(held)
            readings = self._overwriting.read_all([moved.item_id for moved in part])
            # Loaded after the stocks were read. The intent's last holder may be late, not dead:
            # once that holder has stored the orders, it gives back the leases of the other items,
            # and others change those items' stocks. The stocks tell nothing then, but the orders
            # tell all.
            orders = self._orders.get_many(intent.order_ids)
            waiting = _waiting(orders, intent)
            if not waiting:
                return
            held = self._acquiring.fresh(held)
            doubts |= self._doubts(part, readings, orders, held, deadline)
        store_changed(self._orders, waiting, lambda order: self._settled(order, intent, doubts))

    def _doubts(
        self,
        part: Sequence[MovedLine],
        readings: Readings,
        orders: Sequence[Order],
        held: Held,
        deadline: float,
    ) -> dict[str, str]:
        """Of the items whose overwrite is not applied, before or by this call, the reasons."""

        def doubt(moved: MovedLine) -> str | None:
            return self._doubt(moved, readings[moved.item_id], orders, held, deadline)

        try:
            reasons = for_each(self._executor, doubt, part)
        except OutcomeUnknown as unknown:
            message = "An earlier order of these items is not settled yet."
            raise InventoryUnavailable(message) from unknown
        pairs = zip(part, reasons, strict=True)
        return {moved.item_id: reason for moved, reason in pairs if reason is not None}

    def _settled(self, order: Order, intent: Intent, doubts: dict[str, str]) -> Order:
        """The order by the intent's outcome; stuck where one of its own items is in doubt."""
        in_doubt = tuple(item for item in order.stock_changes if item in doubts)
        if not in_doubt or order.was_moved_by(intent.moved):
            return order.stock_moved(intent.moved, self._clock.now(), SETTLEMENT)
        reason = " ".join(doubts[item] for item in in_doubt)
        certain = [moved for moved in intent.moved if moved.item_id not in doubts]
        stuck = Stuck(reason, self._clock.now(), in_doubt, intent)
        return order.mark_stuck(stuck, certain, SETTLEMENT)

    def _doubt(
        self,
        moved: MovedLine,
        reading: StockReading | None,
        orders: Sequence[Order],
        held: Held,
        deadline: float,
    ) -> str | None:
        """None when the overwrite is applied, before or by this call; else why nobody can tell."""
        verdict = judge(moved, orders, reading.stock if reading else None)
        if verdict is Verdict.NOT_APPLIED:
            try:
                self._overwriting.make(moved, held, deadline)
            except ItemNotFound:
                return _no_longer_there(moved.item_id)
            return None
        if verdict is Verdict.APPLIED or self._overwriting.is_logged(moved):
            return None
        if reading is None:
            return _no_longer_there(moved.item_id)
        return (
            f"The stock of item {moved.item_id} was to go from {moved.move.previous_stock} to "
            f"{moved.move.new_stock} and is {reading.stock}: somebody else wrote it, and the "
            "stock-change log lacks the change."
        )

    def _secondaries_of(self, primary: Lease, intent: Intent) -> list[Lease]:
        others = [each.item_id for each in intent.overwrites if each.item_id != primary.item_id]
        if not others:
            return []
        mine = Primary(primary.item_id, intent.fence)
        return [lease for lease in self._leases.look(others) if lease.primary == mine]


def _waiting(orders: Sequence[Order], intent: Intent) -> list[Order]:
    """The orders that wait for the intent. An order that the intent served may wait again, to give
    its goods back."""
    return [each for each in orders if each.awaits_stock and not each.was_moved_by(intent.moved)]


def _no_longer_there(item_id: str) -> str:
    return f"The inventory no longer has item {item_id}, so the item's stock shows nothing."
