"""The schema's version and indexes: made by ``order-service migrate``, required to be ready."""

from typing import Final

from mongoengine import Document, IntField, StringField

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.doubles import Doubles, doubled_entries, doubled_orders
from order_service.infrastructure.mongo.failures import NOT_MIGRATED
from order_service.infrastructure.mongo.index_building import SILENT, Report, make
from order_service.infrastructure.mongo.indexes import indexes_of
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument

VERSION = 4
_MARK = {"_id": "schema"}


class MarkDocument(Document):
    id = StringField(primary_key=True)
    version = IntField()

    meta = {"collection": "schema"}  # noqa: RUF012  (MongoEngine's own shape)


_DOUBLES: Final[dict[type[Document], Doubles]] = {
    OrderDocument: doubled_orders,
    StockChangeDocument: doubled_entries,
}


def migrate(
    database: Database,
    stock_change_days: int | None = None,
    report: Report = SILENT,
    resolve_doubles: bool = False,
) -> None:
    """Bring the database to VERSION. Safe to repeat, to interrupt, and to run while the service
    runs; it takes as long as the indexes take.

    ``stock_change_days``: how long the stock-change log keeps an entry, 0 for ever; None leaves
    that as it is. ``resolve_doubles``: where several hold what may be held once, the oldest keeps
    it. Raises StoreUnavailable, which names what stands in the way.
    """
    for document, doubles in _DOUBLES.items():
        for index in indexes_of(database, document):
            make(index, report, doubles, resolve_doubles)
    keep_stock_changes(database, stock_change_days, report)
    with store_errors():
        marks = collection_of(database, MarkDocument)
        marks.update_one(_MARK, {"$max": {"version": VERSION}}, upsert=True)


def require_migrated(database: Database) -> None:
    """Raises StoreUnavailable when the store can't be reached or lacks the migration."""
    with store_errors():
        mark = collection_of(database, MarkDocument).find_one(_MARK)
        is_done = mark is not None and mark["version"] >= VERSION
        indexes = [each for document in _DOUBLES for each in indexes_of(database, document)]
        if not is_done or not all(each.is_there() for each in indexes if each.is_unique):
            raise StoreUnavailable(NOT_MIGRATED)
