"""Leases on single documents. Only the store's clock ($$NOW) says when one ends."""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from bson import ObjectId
from mongoengine import (
    DateTimeField,
    Document,
    EmbeddedDocumentField,
    LongField,
    ObjectIdField,
    StringField,
)
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from order_service.application.stock.lease import Lease
from order_service.domain.errors import StoreUnavailable
from order_service.domain.order import Intent
from order_service.infrastructure.mongo.combining import Combined
from order_service.infrastructure.mongo.connection import (
    Database,
    Documents,
    collection_of,
    duplicates,
    store_errors,
)
from order_service.infrastructure.mongo.documents import (
    INTENT_MAPPING,
    IntentDocument,
    OrderDocument,
)
from order_service.infrastructure.mongo.indexes import UniqueIndexes

_HELD = {"$gt": ["$expiresAt", "$$NOW"]}


class LeaseDocument(Document):
    """``owner`` is for people; what counts is the fence. ``taking`` tells an attempt to take the
    lease from others that saw the same fence."""

    id = StringField(primary_key=True)
    fence = LongField()
    owner = StringField()
    taking = ObjectIdField()
    expires_at = DateTimeField(db_field="expiresAt")
    intent = EmbeddedDocumentField(IntentDocument)

    meta = {"collection": "leases"}  # noqa: RUF012


class LeaseListener(Protocol):
    def looked(self, item_id: str, asked_at: float, held: bool) -> None:
        """This thread looked at an item's lease; ``asked_at`` in monotonic seconds."""
        ...

    def lost(self) -> None:
        """Somebody else was faster to take a lease that this thread had seen free."""
        ...


class _Taking(NamedTuple):
    id: ObjectId
    seen: Lease
    intent: Intent | None


class MongoLeaseStore:
    """``owner`` names this process to people; ``seconds`` is how long a lease is. What is asked of
    it at the same time goes to the store together."""

    def __init__(
        self,
        database: Database,
        owner: str,
        seconds: float,
        listener: LeaseListener | None = None,
    ) -> None:
        self._leases = collection_of(database, LeaseDocument)
        # What a lease guards is an order's.
        self._orders_indexes = UniqueIndexes(database, OrderDocument)
        self._owner = owner
        self._listener = listener
        self._milliseconds = int(seconds * 1000)
        self._look = Combined(partial(_look_at_all, self._leases))
        self._take = Combined(self._take_all)
        self._release = Combined(partial(_release_all, self._leases))

    def look(self, item_id: str) -> Lease:
        asked_at = time.monotonic()
        lease = self._look(item_id)
        if self._listener is not None:
            self._listener.looked(item_id, asked_at, lease.held)
        return lease

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        if self._take(_Taking(ObjectId(), seen, intent)):
            return Lease(seen.item_id, seen.fence + 1, True, intent)
        if self._listener is not None:
            self._listener.lost()
        return None

    def clear(self, lease: Lease) -> bool:
        with store_errors():
            # The fence moves on, or whoever saw the intent open could take the lease with it still.
            withdrawn = _give_back(lease, lease.fence + 1)
            return bool(self._leases.bulk_write([withdrawn]).matched_count)

    def release(self, lease: Lease) -> None:
        with suppress(StoreUnavailable):
            self._release(lease)

    def _take_all(self, takings: Sequence[_Taking]) -> list[bool]:
        self._orders_indexes.require()
        updates = [self._update(taking) for taking in takings]
        try:
            result = self._leases.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # Somebody else was faster to make one that nobody held before.
            duplicates(error)
        else:
            if result.matched_count + result.upserted_count == len(takings):
                return [True] * len(takings)
        return _which_are_taken(self._leases, takings)

    def _update(self, taking: _Taking) -> UpdateOne:
        seen = taking.seen
        taken = {
            "fence": seen.fence + 1,
            "owner": self._owner,
            "taking": taking.id,
            "expiresAt": {"$add": ["$$NOW", self._milliseconds]},
            "intent": {"$literal": taking.intent and INTENT_MAPPING.write(taking.intent)},
        }
        if seen.fence == 0:
            new = {"_id": seen.item_id, "fence": {"$exists": False}}
            return UpdateOne(new, [{"$set": taken}], upsert=True)
        free = {"_id": seen.item_id, "fence": seen.fence, "$expr": {"$not": [_HELD]}}
        return UpdateOne(free, [{"$set": taken}])


def _look_at_all(leases: Documents, item_ids: Sequence[str]) -> list[Lease]:
    wanted = {"_id": {"$in": list(set(item_ids))}}
    # Local reads: a stale one is harmless, because acquiring compares the fence.
    local = leases.with_options(read_concern=ReadConcern("local"))
    seen = local.find(wanted, {"fence": 1, "intent": 1, "held": _HELD})
    found = {each["_id"]: each for each in seen}
    return [_lease(item_id, found.get(item_id)) for item_id in item_ids]


def _lease(item_id: str, found: dict[str, Any] | None) -> Lease:
    if found is None:
        return Lease(item_id, fence=0, held=False, intent=None)
    intent = found.get("intent")
    return Lease(
        item_id, found["fence"], found["held"], INTENT_MAPPING.read(intent) if intent else None
    )


def _which_are_taken(leases: Documents, takings: Sequence[_Taking]) -> list[bool]:
    wanted = {
        "_id": {"$in": [taking.seen.item_id for taking in takings]},
        "taking": {"$in": [taking.id for taking in takings]},
    }
    taken = {lease["taking"] for lease in leases.find(wanted, ["taking"])}
    return [taking.id in taken for taking in takings]


def _release_all(leases: Documents, released: Sequence[Lease]) -> list[None]:
    updates = [_give_back(lease, lease.fence) for lease in released]
    leases.with_options(write_concern=WriteConcern(w=1)).bulk_write(updates, ordered=False)
    return [None] * len(released)


def _give_back(lease: Lease, fence: int) -> UpdateOne:
    return UpdateOne(
        {"_id": lease.item_id, "fence": lease.fence},
        {
            "$set": {"fence": fence},
            "$unset": {"owner": "", "taking": "", "expiresAt": "", "intent": ""},
        },
    )
