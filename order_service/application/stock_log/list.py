"""Read the stock-change log."""

from typing import Protocol

from order_service.application.stock_log.changes import LoggedStockChange, StockChangeQuery


class StockChangePages(Protocol):
    def page(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """Entries, newest first, and whether more entries follow. A page of large entries holds
        fewer than ``limit``, so that no page needs much memory."""
        ...


class ListStockChanges:
    def __init__(self, changes: StockChangePages) -> None:
        self._changes = changes

    def __call__(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """A page of entries, newest first, and whether more entries follow."""
        return self._changes.page(query)
