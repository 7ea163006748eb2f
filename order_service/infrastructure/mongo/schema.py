"""The schema's version and indexes: made by ``order-service migrate``, required to be ready."""

from typing import Any, Final

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import database, store_errors
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.doubles import Doubles, doubled_entries, doubled_keys
from order_service.infrastructure.mongo.failures import NOT_MIGRATED
from order_service.infrastructure.mongo.index_building import SILENT, Report, make
from order_service.infrastructure.mongo.indexes import indexes_of
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

VERSION = 2
_MARK = {"_id": "schema"}
_DOUBLES: Final[dict[Any, Doubles]] = {
    OrderDocument: doubled_keys,
    StockChangeDocument: doubled_entries,
}


def migrate(
    stock_change_days: int | None = None, report: Report = SILENT, resolve_doubles: bool = False
) -> None:
    """Bring the database to VERSION. Safe to repeat, to interrupt, and to run while the service
    runs; it takes as long as the indexes take.

    ``stock_change_days``: how long the stock-change log keeps an entry, 0 for ever; None leaves
    that as it is. ``resolve_doubles``: where several hold what may be held once, the oldest keeps
    it. Raises StoreUnavailable, which names what stands in the way.
    """
    for document, doubles in _DOUBLES.items():
        for index in indexes_of(document):
            make(index, report, doubles, resolve_doubles)
    keep_stock_changes(stock_change_days, report)
    with store_errors():
        _marks().update_one(_MARK, {"$max": {"version": VERSION}}, upsert=True)


def require_migrated() -> None:
    """Raises StoreUnavailable when the store can't be reached or lacks the migration."""
    with store_errors():
        mark = _marks().find_one(_MARK)
        is_done = mark is not None and mark["version"] >= VERSION
        unique = [each for document in _DOUBLES for each in indexes_of(document) if each.is_unique]
        if not is_done or not all(each.is_there() for each in unique):
            raise StoreUnavailable(NOT_MIGRATED)


def _marks() -> Any:
    return database()["schema"]
