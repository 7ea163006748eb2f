"""The schema's version and indexes: made by ``order-service migrate``, required to be ready."""

from typing import Any

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import database, store_errors
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

VERSION = 2
_MARK = {"_id": "schema"}


def migrate(stock_change_days: int = 0) -> None:
    """Bring the database to VERSION. Safe to repeat, and to run while the service runs.

    ``stock_change_days``: how long the stock-change log keeps an entry; 0 is for ever.
    """
    with store_errors():
        OrderDocument.ensure_indexes()
        StockChangeDocument.ensure_indexes()
        keep_stock_changes(stock_change_days)
        _marks().update_one(_MARK, {"$max": {"version": VERSION}}, upsert=True)


def require_migrated() -> None:
    """Raises StoreUnavailable when the store can't be reached or lacks the migration."""
    with store_errors():
        mark = _marks().find_one(_MARK)
    if mark is None or mark["version"] < VERSION:
        raise StoreUnavailable("The database is not migrated: run `order-service migrate`.")


def _marks() -> Any:
    return database()["schema"]
