"""Reading and overwriting the stocks of a commit, and finding out what became of an overwrite."""

from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import Protocol

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.stock.acquiring import Acquiring, Held
from order_service.application.stock.moving import for_each, in_parts
from order_service.domain.errors import InventoryUnavailable, ItemNotFound, OutcomeUnknown
from order_service.domain.moves import Intent, MovedLine
from order_service.domain.stock import Readings, StockReading, Verdict, judge


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


class StockEvidence(Protocol):
    """The stock-change log, as evidence of an overwrite's outcome."""

    def has_change(
        self, item_id: str, previous_stock: int, new_stock: int, since: datetime
    ) -> bool:
        """Whether the change was made at ``since`` or later by the inventory's own clock: the log
        may receive an older change late."""
        ...


class Overwriting:
    """``executor`` makes the calls for several items side by side. The tasks that it gets wait for
    no other task."""

    def __init__(
        self,
        inventory: OverwritingInventory,
        changes: StockEvidence,
        acquiring: Acquiring,
        clock: Clock,
        executor: Executor,
    ) -> None:
        self._inventory = inventory
        self._changes = changes
        self._acquiring = acquiring
        self._clock = clock
        self._executor = executor

    def read_all(self, item_ids: Sequence[str]) -> Readings:
        """Raises InventoryUnavailable."""
        readings = for_each(self._executor, self.read, item_ids)
        return dict(zip(item_ids, readings, strict=True))

    def read(self, item_id: str) -> StockReading | None:
        """None when the inventory has no such item. Raises InventoryUnavailable."""
        try:
            return self._inventory.read(item_id)
        except ItemNotFound:
            return None

    def make_all(self, intent: Intent, held: Held, deadline: float) -> None:
        """Returns once every overwrite of the intent is applied.

        The first overwrite is made alone: while none is sent, the commit can be taken back. Raises
        InventoryUnavailable and ItemNotFound when nothing was written, OutcomeUnknown.
        """
        if not intent.changes:
            return
        first, *others = intent.changes
        self.make(first, held, deadline)
        try:
            for part in in_parts(others):
                held = self._acquiring.fresh(held)
                for_each(self._executor, partial(self.make, held=held, deadline=deadline), part)
        except (InventoryUnavailable, ItemNotFound) as error:
            message = "A part of the stock is moved, and the rest is still to be moved."
            raise OutcomeUnknown(message, in_flight=False) from error

    def make(self, moved: MovedLine, held: Held, deadline: float) -> None:
        """Returns once the overwrite is applied. Raises InventoryUnavailable and ItemNotFound when
        the overwrite was not applied, OutcomeUnknown."""
        try:
            self._inventory.overwrite(moved.item_id, moved.move.new_stock, held.not_after)
        except OutcomeUnknown as unknown:
            self._find_out(moved, unknown, min(deadline, held.not_after))

    def is_logged(self, moved: MovedLine) -> bool:
        move = moved.move
        return self._changes.has_change(moved.item_id, move.previous_stock, move.new_stock, move.at)

    def _find_out(self, moved: MovedLine, unknown: OutcomeUnknown, until: float) -> None:
        for _ in attempts(self._clock, until):
            try:
                stock = self._inventory.read(moved.item_id).stock
            except (InventoryUnavailable, ItemNotFound):
                continue
            verdict = judge(moved, (), stock)
            if verdict is Verdict.APPLIED:
                return
            if verdict is Verdict.UNDECIDED and self.is_logged(moved):
                return
            if verdict is Verdict.NOT_APPLIED and not unknown.in_flight:
                raise InventoryUnavailable("The inventory did not carry out the change.")
        raise unknown
