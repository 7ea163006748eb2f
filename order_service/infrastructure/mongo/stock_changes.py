"""The stock-change log."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from order_service.application.clock import Clock
from order_service.application.place import Place
from order_service.application.stock_log.changes import (
    NOT_STORABLE,
    OFFSET_REUSED,
    AppendResult,
    LoggedStockChange,
    RefusedChange,
    StockChange,
    StockChangeQuery,
)
from order_service.application.stock_log.lost_updates import Step
from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    Fields,
    collection_of,
    store_errors,
)
from order_service.infrastructure.mongo.entry_ids import EntryIds
from order_service.infrastructure.mongo.failures import NO_BSON
from order_service.infrastructure.mongo.indexes import UniqueIndexes
from order_service.infrastructure.mongo.outages import refusal
from order_service.infrastructure.mongo.stock_change_documents import (
    StockChangeDocument,
    decoded,
    to_document,
)
from order_service.infrastructure.mongo.stock_change_pages import RAW, filter_of, read_page

_Encodable = Fields | RawBSONDocument

_DUPLICATE_KEY: Final = 11000
# The server's words for a document that it takes neither now nor later; any other error may pass.
_UNSTORABLE: Final = {2, 15, 21, 22, 52, 56, 57, 121, 10334, 17419}
_TOO_DEEP: Final = "It is nested deeper than the store can hold."
_TOO_LARGE: Final = "It is too large for one document of the store."
# Those that it has for a whole batch, because it can't even read it.
_REFUSED_WHOLE: Final = {15: _TOO_DEEP, 10334: _TOO_LARGE, 17419: _TOO_LARGE}
_LONGEST_REASON: Final = 200


class MongoStockChangeLog:
    """Entries are newest first by id, which grows with the store's time."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._log = collection_of(database, StockChangeDocument)
        self._indexes = UniqueIndexes(database, StockChangeDocument)
        self._clock = clock or StoreClock(database)
        self._ids = EntryIds()

    def append(self, changes: Sequence[StockChange]) -> AppendResult:
        """See StockChangeLog. Raises StoreUnavailable for whatever may pass; then the same changes
        can be appended again."""
        return self.ready(changes)()

    def ready(self, changes: Sequence[StockChange]) -> Callable[[], AppendResult]:
        ids, now = self._ids.take(len(changes), self._clock.now())
        documents = [to_document(c, i, now) for c, i in zip(changes, ids, strict=True)]
        return partial(self._write, changes, _encoded(documents))

    def _write(
        self, changes: Sequence[StockChange], documents: Sequence[_Encodable]
    ) -> AppendResult:
        if not documents:
            return AppendResult(written=0, duplicates=0)
        self._indexes.require()
        try:
            errors = _insert(self._log, documents)
        except _Unstorable as unstorable:
            return self._append_apart(changes, str(unstorable))
        if not errors:
            return AppendResult(written=len(changes), duplicates=0)
        return _sorted_out(self._log, changes, errors)

    def page(self, query: StockChangeQuery) -> tuple[list[LoggedStockChange], bool]:
        return read_page(self._log, query)

    def holds(self, places: Collection[Place]) -> Mapping[Place, Mapping[str, Any]]:
        try:
            return {
                place: e["payload"] for place, e in _logged(self._log, places, "payload").items()
            }
        except InvalidValue:
            # One of them can't be in the store; the others may.
            apart = [self.holds([place]) for place in places] if len(places) > 1 else []
            return {place: payload for each in apart for place, payload in each.items()}

    def has_change(
        self, item_id: str, previous_stock: int, new_stock: int, since: datetime
    ) -> bool:
        wanted = filter_of(StockChangeQuery(item_id=item_id, created_from=since)) | {
            "previousStock": previous_stock,
            "newStock": new_stock,
            "updatedAt": {"$gte": since},
        }
        with store_errors():
            return self._log.find_one(wanted, {"_id": 1}) is not None

    def steps(self, item_id: str, since: datetime, limit: int) -> list[Step]:
        wanted = filter_of(StockChangeQuery(item_id=item_id, created_from=since))
        with store_errors():
            found = self._log.find(wanted, ["previousStock", "newStock", "updatedAt"])
            return [
                Step(each["previousStock"], each["newStock"], each["updatedAt"])
                for each in found.sort("_id", 1).limit(limit)
            ]

    def _append_apart(self, changes: Sequence[StockChange], reason: str) -> AppendResult:
        """In halves, until what can't be stored is alone."""
        if len(changes) == 1:
            return AppendResult(0, 0, (RefusedChange(changes[0], NOT_STORABLE, reason),))
        middle = len(changes) // 2
        halves = [self.append(changes[:middle]), self.append(changes[middle:])]
        return AppendResult(
            sum(half.written for half in halves),
            sum(half.duplicates for half in halves),
            tuple(refused for half in halves for refused in half.refused),
        )


class _Unstorable(Exception):
    """The batch was refused as a whole, for the sake of one of its documents."""


def _encoded(documents: Sequence[Fields]) -> Sequence[_Encodable]:
    """As the driver sends them, so that the write itself need not wait for it. Those that it can't
    encode are left to the write, which tells what is wrong with which of them."""
    try:
        return [RawBSONDocument(bson.encode(each)) for each in documents]
    except NO_BSON:
        return documents


def _insert(log: Documents, documents: Sequence[_Encodable]) -> list[Fields]:
    """What went wrong, document by document. Raises _Unstorable."""
    with store_errors():
        try:
            log.insert_many(documents, ordered=False)
        except NO_BSON as error:
            raise _Unstorable(_why(error)) from error
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            return list(error.details["writeErrors"])
        except OperationFailure as error:
            if error.code not in _REFUSED_WHOLE:
                raise
            raise _Unstorable(_REFUSED_WHOLE[error.code]) from error
    return []


def _why(error: Exception) -> str:
    """Its own words may repeat the whole document."""
    if isinstance(error, OverflowError):
        return "A number in it is beyond 64 bits."
    if isinstance(error, UnicodeError):
        return "A text in it is no Unicode."
    if isinstance(error, DocumentTooLarge):
        return _TOO_LARGE
    return _TOO_DEEP if isinstance(error, RecursionError) else "A name in it can't be stored."


def _sorted_out(
    log: Documents, changes: Sequence[StockChange], errors: Sequence[Fields]
) -> AppendResult:
    refused, repeated = [], []
    for error in errors:
        change = changes[error["index"]]
        if error["code"] == _DUPLICATE_KEY:
            repeated.append(change)
        elif error["code"] in _UNSTORABLE:
            reason = f"{error['errmsg'][:_LONGEST_REASON]}."
            refused.append(RefusedChange(change, NOT_STORABLE, reason))
        else:
            raise refusal(error["code"])
    reused = _other_changes(log, repeated)
    return AppendResult(
        written=len(changes) - len(errors),
        duplicates=len(repeated) - len(reused),
        refused=(*refused, *reused),
    )


def _other_changes(log: Documents, repeated: Sequence[StockChange]) -> list[RefusedChange]:
    """Those whose entry in the log tells of another change."""
    places = {change.place for change in repeated}
    logged = _logged(log, places, "payload")
    if len(logged) < len(places):
        raise StoreUnavailable("An entry went from the order store meanwhile.")
    return [
        RefusedChange(
            change, OFFSET_REUSED, "The log has another change from this topic and offset."
        )
        for change in repeated
        if logged[change.place]["payload"] != change.payload
    ]


def _logged(log: Documents, places: Iterable[Place], *fields: str) -> dict[Place, Fields]:
    """Those of the entries' fields, where there is an entry."""
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place in places:
        offsets[place.topic, place.partition].append(place.offset)
    found: dict[Place, Fields] = {}
    for (topic, partition), wanted in offsets.items():
        source = {"source.topic": topic, "source.partition": partition}
        entries = source | {"source.offset": {"$in": wanted}}
        with store_errors():
            raw = log.with_options(codec_options=RAW)
            for each in raw.find(entries, ["source", *fields]):
                document = decoded(bytes(each.raw))
                found[Place(topic, partition, document["source"]["offset"])] = document
    return found
