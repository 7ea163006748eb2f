"""The stock-change log."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import bson
from bson import ObjectId
from bson.errors import BSONError
from pymongo.errors import BulkWriteError, OperationFailure

from order_service.application.ports import (
    NOT_STORABLE,
    OFFSET_REUSED,
    AppendResult,
    Clock,
    LoggedStockChange,
    Place,
    RefusedChange,
    StockChange,
    StockChangeQuery,
)
from order_service.application.record_stock_changes import ADDED, REDUCED
from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import store_errors
from order_service.infrastructure.mongo.entry_ids import EntryIds, first_id
from order_service.infrastructure.mongo.stock_change_documents import (
    StockChangeDocument,
    to_document,
    to_logged,
)

_DUPLICATE_KEY: Final = 11000
# The server's words for a document that it takes neither now nor later; any other error may pass.
_UNSTORABLE: Final = {2, 15, 21, 22, 52, 56, 57, 121, 10334, 17419}
_CANNOT_ENCODE: Final = (BSONError, OverflowError, UnicodeEncodeError, RecursionError)
_LARGEST_DOCUMENT: Final = 16 * 1024 * 1024
_TOO_LARGE: Final = 10334


class MongoStockChangeLog:
    """Entries are newest first by id, which grows with the store's time."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or StoreClock()
        self._ids = EntryIds()

    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        """See StockChangeLog. Raises StoreUnavailable for whatever may pass; then the same changes
        can be appended again."""
        ids, now = self._ids.take(len(changes), self._clock.now())
        documents = [to_document(c, i, now) for c, i in zip(changes, ids, strict=True)]
        try:
            errors = _insert(documents)
        except _Unstorable:
            return self._append_storable(changes, documents)
        if not errors:
            return AppendResult(written=len(changes), duplicates=0)
        return _sorted_out(changes, errors)

    def page(self, query: StockChangeQuery) -> list[LoggedStockChange]:
        with store_errors():
            found = _collection().find(_filter(query)).sort("_id", -1).limit(query.limit)
            return [to_logged(document) for document in found]

    def holds(self, places: Collection[Place]) -> set[Place]:
        return set(_logged(places))

    def has_change(
        self, item_id: str, previous_stock: int, new_stock: int, since: datetime
    ) -> bool:
        wanted = _filter(StockChangeQuery(item_id=item_id, created_from=since)) | {
            "previousStock": previous_stock,
            "newStock": new_stock,
            "updatedAt": {"$gte": since},
        }
        with store_errors():
            return _collection().find_one(wanted, {"_id": 1}) is not None

    def _append_storable(
        self, changes: Sequence[StockChange], documents: Sequence[Mapping[str, Any]]
    ) -> AppendResult:
        reasons = [_why_unstorable(document) for document in documents]
        pairs = list(zip(changes, reasons, strict=True))
        refused = tuple(RefusedChange(c, NOT_STORABLE, why) for c, why in pairs if why)
        if not refused:
            raise StoreUnavailable("The order store refuses a batch without naming an entry.")
        rest = self.append([change for change, why in pairs if not why])
        return AppendResult(rest.written, rest.duplicates, refused + rest.refused)


class _Unstorable(Exception):
    """A document of the batch can't be encoded, so that none was sent."""


def _collection() -> Any:
    return StockChangeDocument._get_collection()


def _insert(documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What went wrong, document by document."""
    if not documents:
        return []
    with store_errors():
        try:
            _collection().insert_many(documents, ordered=False)
        except _CANNOT_ENCODE as error:
            raise _Unstorable from error
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            return list(error.details["writeErrors"])
        except OperationFailure as error:
            if error.code == _TOO_LARGE:
                raise _Unstorable from error
            raise
    return []


def _why_unstorable(document: Mapping[str, Any]) -> str | None:
    try:
        size = len(bson.encode(document))
    except _CANNOT_ENCODE as error:
        return f"{error}."
    return f"{size} bytes are too many for one document." if size > _LARGEST_DOCUMENT else None


def _sorted_out(
    changes: Sequence[StockChange], errors: Sequence[Mapping[str, Any]]
) -> AppendResult:
    refused, repeated = [], []
    for error in errors:
        change = changes[error["index"]]
        if error["code"] == _DUPLICATE_KEY:
            repeated.append(change)
        elif error["code"] in _UNSTORABLE:
            refused.append(RefusedChange(change, NOT_STORABLE, f"{error['errmsg']}."))
        else:
            raise StoreUnavailable("The order store can't take the entries now.")
    reused = _other_changes(repeated)
    return AppendResult(
        written=len(changes) - len(errors),
        duplicates=len(repeated) - len(reused),
        refused=(*refused, *reused),
    )


def _other_changes(repeated: Sequence[StockChange]) -> list[RefusedChange]:
    """Those whose entry in the log tells of another change."""
    places = {change.place for change in repeated}
    logged = _logged(places, "payload")
    if len(logged) < len(places):
        raise StoreUnavailable("An entry went from the order store meanwhile.")
    return [
        RefusedChange(
            change, OFFSET_REUSED, "The log has another change from this topic and offset."
        )
        for change in repeated
        if logged[change.place]["payload"] != change.payload
    ]


def _logged(places: Iterable[Place], *fields: str) -> dict[Place, dict[str, Any]]:
    """Those of the entries' fields, where there is an entry."""
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place in places:
        offsets[place.topic, place.partition].append(place.offset)
    found: dict[Place, dict[str, Any]] = {}
    for (topic, partition), wanted in offsets.items():
        source = {"source.topic": topic, "source.partition": partition}
        entries = source | {"source.offset": {"$in": wanted}}
        with store_errors():
            for document in _collection().find(entries, ["source", *fields]):
                found[Place(topic, partition, document["source"]["offset"])] = document
    return found


def _filter(query: StockChangeQuery) -> dict[str, Any]:
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
