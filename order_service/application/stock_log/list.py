"""Read the stock-change log."""

from order_service.application.stock_log.ports import (
    LoggedStockChange,
    StockChangeLog,
    StockChangeQuery,
)


class ListStockChanges:
    def __init__(self, changes: StockChangeLog) -> None:
        self._changes = changes

    def __call__(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """A page, newest first, and whether there is more after it."""
        return self._changes.page(query)
