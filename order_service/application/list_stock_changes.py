"""Read the stock-change log."""

from dataclasses import replace

from order_service.application.ports import LoggedStockChange, StockChangeLog, StockChangeQuery


class ListStockChanges:
    def __init__(self, changes: StockChangeLog) -> None:
        self._changes = changes

    def __call__(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        """A page, newest first, and whether there is more after it."""
        found = self._changes.page(replace(query, limit=query.limit + 1))
        return found[: query.limit], len(found) > query.limit
