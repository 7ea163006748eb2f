"""Pages of the stock-change log: newest first, bounded by number and by bytes."""

from collections.abc import Iterable
from typing import Any, Final

from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from order_service.application.stock_log.changes import LoggedStockChange, StockChangeQuery
from order_service.application.stock_log.record import ADDED, REDUCED
from order_service.infrastructure.mongo.connection import Documents, store_errors
from order_service.infrastructure.mongo.entry_ids import first_id
from order_service.infrastructure.mongo.stock_change_documents import decoded, to_logged

# A page holds no more than this of BSON, or else one entry; in Python it is twenty times as much.
PAGE_BYTES: Final = 512 * 1024
# Only an entry's id, and how many bytes it has.
_SIZE: Final = {"bytes": {"$bsonSize": "$$ROOT"}}
RAW: Final = CodecOptions(document_class=RawBSONDocument)


def read_page(
    collection: Documents, query: StockChangeQuery
) -> tuple[list[LoggedStockChange], bool]:
    """The page, and whether there is more after it. Raises StoreUnavailable, InvalidValue.

    The sizes come first, or entries would be fetched that the page has no room for: twenty large
    ones are more than all else that a request needs.
    """
    raw = collection.with_options(codec_options=RAW)
    with store_errors():
        sizes = collection.find(filter_of(query), _SIZE).sort("_id", -1).limit(query.limit + 1)
        found = [(each["_id"], each["bytes"]) for each in sizes]
        fitting = _fitting(found, query.limit)
        entries = raw.find({"_id": {"$in": fitting}}).sort("_id", -1) if fitting else ()
        page = [to_logged(decoded(bytes(each.raw))) for each in entries]
    # Where none is left of them they have expired since, and all that are older with them.
    return page, bool(page) and len(found) > len(fitting)


def _fitting(found: Iterable[tuple[ObjectId, int]], limit: int) -> list[ObjectId]:
    fitting: list[ObjectId] = []
    size = 0
    for entry_id, number in found:
        size += number
        if fitting and (len(fitting) == limit or size > PAGE_BYTES):
            break
        fitting.append(entry_id)
    return fitting


def filter_of(query: StockChangeQuery) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if query.item_id is not None:
        wanted["itemId"] = query.item_id
        # Naming every type lets the item's index, which has the type in it, sort by id.
        wanted["changeType"] = {"$in": [ADDED, REDUCED]}
    if query.change_type is not None:
        wanted["changeType"] = query.change_type
    if created := _between(query.created_from, query.created_to):
        wanted["createdAt"] = created
    if bounds := _id_bounds(query):
        wanted["_id"] = bounds
    return wanted


def _between(first: Any, end: Any) -> dict[str, Any]:
    return {name: at for name, at in (("$gte", first), ("$lt", end)) if at is not None}


def _id_bounds(query: StockChangeQuery) -> dict[str, ObjectId]:
    """The same times as ids, which the index knows, whole seconds wide."""
    ends = []
    if query.created_to is not None:
        ends.append(first_id(query.created_to, later=1))
    if query.after_id is not None:
        ends.append(ObjectId(query.after_id))
    first = first_id(query.created_from) if query.created_from is not None else None
    return _between(first, min(ends, default=None))
