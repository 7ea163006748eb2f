"""What the processes counted: a document a slot, to which each process adds."""

from collections.abc import Mapping
from datetime import datetime
from math import inf, isinf
from typing import Any, Final

from mongoengine import DateTimeField, Document, LongField, MapField
from pymongo.errors import DuplicateKeyError

from order_service.application.overview.samples import Counted, Sample
from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors

_KEPT_SECONDS: Final = 2 * 3600
# More slots than an hour has.
_MOST: Final = 300
_MICROSECONDS: Final = 1_000_000
_OPEN: Final = "open"


class SampleDocument(Document):
    """``creates``: by the bucket's upper bound in whole microseconds, for a name can't have a dot.
    The index only tidies up."""

    id = DateTimeField(primary_key=True)
    at = DateTimeField()
    orders = MapField(LongField())
    creates = MapField(LongField())

    meta = {  # noqa: RUF012  (MongoEngine's own shape)
        "collection": "samples",
        "indexes": [{"name": "expiry", "fields": ["at"], "expireAfterSeconds": _KEPT_SECONDS}],
    }


class MongoSamples:
    """See Samples."""

    def __init__(self, database: Database) -> None:
        self._samples = collection_of(database, SampleDocument)

    def add(self, sample: Sample) -> None:
        orders = {f"orders.{name}": each for name, each in sample.counted.orders.items()}
        creates = {
            f"creates.{_name(bound)}": each for bound, each in sample.counted.creates.items()
        }
        change = {"$setOnInsert": {"at": sample.at}, "$inc": orders | creates}
        with store_errors():
            try:
                self._samples.update_one({"_id": sample.at}, change, upsert=True)
            except DuplicateKeyError:
                # Another process began the slot, just now.
                self._samples.update_one({"_id": sample.at}, change)

    def since(self, first: datetime) -> list[Sample]:
        with store_errors():
            found = list(self._samples.find({"_id": {"$gte": first}}).sort("_id", 1).limit(_MOST))
        return [_read(each) for each in found]


def _name(bound: float) -> str:
    return _OPEN if isinf(bound) else str(round(bound * _MICROSECONDS))


def _bound(name: str) -> float:
    return inf if name == _OPEN else int(name) / _MICROSECONDS


def _read(found: Mapping[str, Any]) -> Sample:
    """What is no count is left out."""
    orders, creates = _counts(found.get("orders")), _counts(found.get("creates"))
    known = {name: each for name, each in creates.items() if name == _OPEN or name.isdecimal()}
    return Sample(
        found["_id"], Counted(orders, {_bound(name): each for name, each in known.items()})
    )


def _counts(found: Any) -> dict[str, int]:
    if not isinstance(found, Mapping):
        return {}
    return {name: each for name, each in found.items() if isinstance(each, int) and each >= 0}
