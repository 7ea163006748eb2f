"""Read the stock-change log."""

from typing import Protocol

from order_service.application.stock_log.changes import LoggedStockChange, StockChangeQuery


class StockChangePages(Protocol):
    def page(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """Newest first, and whether there is more after it. Where entries are large it holds
        fewer than ``limit``, so that no page needs much memory."""
        ...


class ListStockChanges:
    def __init__(self, changes: StockChangePages) -> None:
        self._changes = changes

    def __call__(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """A page, newest first, and whether there is more after it."""
        return self._changes.page(query)
