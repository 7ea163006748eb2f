"""The schema's version and indexes: made by ``order-service migrate``, required to be ready.

The database holds a mark: ``version``, the newest schema that it was brought to, and ``needs``, the
oldest schema whose releases may still use it. A release may use a database that a newer release has
migrated, as long as ``needs`` lets it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mongoengine import Document, IntField, StringField

from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.doubles import (
    Double,
    Doubles,
    doubled_entries,
    doubled_orders,
)
from order_service.infrastructure.mongo.failures import NOT_MIGRATED
from order_service.infrastructure.mongo.index_building import SILENT, Report, make
from order_service.infrastructure.mongo.indexes import Index, indexes_of
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.infrastructure.mongo.samples import SampleDocument
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument
from order_service.infrastructure.mongo.workers import WorkerDocument

VERSION = 4
# A database that this release has migrated is of use to releases of this schema or newer; release
# 0.2.0 is the last one of schema 2.
NEEDS = 2
_MARK = {"_id": "schema"}


class MarkDocument(Document):
    id = StringField(primary_key=True)
    version = IntField()
    needs = IntField()

    meta = {"collection": "schema"}  # noqa: RUF012  (MongoEngine's own shape)


def _no_doubles(_: Index) -> Iterable[Double]:
    return ()


# The unique ones of their indexes are required to be ready, and the others only help: the service
# works before it has them.
_DOUBLES: Final[dict[type[Document], Doubles]] = {
    OrderDocument: doubled_orders,
    StockChangeDocument: doubled_entries,
    WorkerDocument: _no_doubles,
    SampleDocument: _no_doubles,
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
    it. Changes nothing where a newer release has migrated the database, and reports that.

    Raises StoreUnavailable, which names what stands in the way.
    """
    mark = _mark(database)
    _require_not_too_new(mark)
    if mark.version > VERSION:
        report.done(
            f"A newer release has migrated the database: it has schema {mark.version}, and this "
            f"release makes {VERSION}. Nothing was changed, and this release may use it. For its "
            "indexes, or how long the log is kept, run `order-service migrate` of that release."
        )
        return
    for document, doubles in _DOUBLES.items():
        for index in indexes_of(database, document):
            make(index, report, doubles, resolve_doubles)
    keep_stock_changes(database, stock_change_days, report)
    with store_errors():
        marks = collection_of(database, MarkDocument)
        marks.update_one(_MARK, {"$max": {"version": VERSION, "needs": NEEDS}}, upsert=True)


def require_migrated(database: Database) -> None:
    """Raises StoreUnavailable when the store can't be reached, lacks the migration, or was migrated
    by a release that is too new for this one."""
    mark = _mark(database)
    _require_not_too_new(mark)
    if 0 < mark.version < VERSION:
        raise StoreUnavailable(
            f"The database is not migrated to this release: it has schema {mark.version}, and this "
            f"release needs {VERSION}. Run `order-service migrate` of this release."
        )
    with store_errors():
        indexes = [each for document in _DOUBLES for each in indexes_of(database, document)]
        if not mark.version or not all(each.is_there() for each in indexes if each.is_unique):
            raise StoreUnavailable(NOT_MIGRATED)


@dataclass(frozen=True, slots=True)
class _Mark:
    """0 where there is none."""

    version: int
    needs: int


def _mark(database: Database) -> _Mark:
    with store_errors():
        found = collection_of(database, MarkDocument).find_one(_MARK) or {}
    return _Mark(found.get("version", 0), found.get("needs", 0))


def _require_not_too_new(mark: _Mark) -> None:
    if mark.needs > VERSION:
        raise StoreUnavailable(
            f"The database is too new for this release: a newer release has migrated it to schema "
            f"{mark.version}, which takes releases of schema {mark.needs} or newer, and this one "
            f"has {VERSION}. Start the newer release in place of this one."
        )
