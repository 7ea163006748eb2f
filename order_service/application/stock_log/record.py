"""Log every stock change that the service receives."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from order_service.application.stock_log.changes import AppendResult, StockChange

ADDED = "added"
REDUCED = "reduced"


class StockChangeLog(Protocol):
    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        """One bulk write, journaled; an entry that exists already counts as a duplicate."""
        ...

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        """``append`` in two steps: make the entries now, and write them when the returned function
        is called. Call it soon and once: the entries hold the time at which they were made."""
        ...


class RecordStockChanges:
    def __init__(self, log: StockChangeLog) -> None:
        self._log = log

    def __call__(self, changes: Sequence[StockChange]) -> AppendResult:
        """Log a batch in one write. A change that contradicts itself is logged, and marked.

        Raises StoreUnavailable; the whole batch may then be logged again.
        """
        if not changes:
            return AppendResult(written=0, duplicates=0)
        return self._log.append([_marked(change) for change in changes])

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        """Prepare the write; the returned function makes it. Call the function soon, and once."""
        if not changes:
            return partial(self, changes)
        return self._log.ready([_marked(change) for change in changes])


def _marked(change: StockChange) -> StockChange:
    moved = change.new_stock - change.previous_stock
    said = change.change_amount if change.change_type == ADDED else -change.change_amount
    return change if moved == said else change._replace(contradictory=True)
