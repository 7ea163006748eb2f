"""Leases on single documents. Only the store's clock ($$NOW) says when one ends."""

from contextlib import suppress
from typing import Any

from mongoengine import DateTimeField, Document, EmbeddedDocumentField, LongField, StringField
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from order_service.application.ports import Lease
from order_service.domain.errors import StoreUnavailable
from order_service.domain.order import Intent
from order_service.infrastructure.mongo.connection import ALIAS, store_errors
from order_service.infrastructure.mongo.documents import INTENT_MAPPING, IntentDocument

_HELD = {"$gt": ["$expiresAt", "$$NOW"]}


class LeaseDocument(Document):
    """``owner`` is for people; what counts is the fence."""

    id = StringField(primary_key=True)
    fence = LongField()
    owner = StringField()
    expires_at = DateTimeField(db_field="expiresAt")
    intent = EmbeddedDocumentField(IntentDocument)

    meta = {"db_alias": ALIAS, "collection": "leases", "auto_create_index": False}  # noqa: RUF012


class MongoLeaseStore:
    """``owner`` names this process to people; ``seconds`` is how long a lease is."""

    def __init__(self, owner: str, seconds: float) -> None:
        self._owner = owner
        self._milliseconds = int(seconds * 1000)

    def look(self, item_id: str) -> Lease:
        with store_errors():
            # Local reads: a stale one is harmless, because acquiring compares the fence.
            found = self._collection(read_concern=ReadConcern("local")).find_one(
                {"_id": item_id}, {"fence": 1, "intent": 1, "held": _HELD}
            )
        if found is None:
            return Lease(item_id, fence=0, held=False, intent=None)
        return Lease(item_id, found["fence"], found["held"], _intent(found.get("intent")))

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        taken = {
            "fence": seen.fence + 1,
            "owner": self._owner,
            "expiresAt": {"$add": ["$$NOW", self._milliseconds]},
            "intent": {"$literal": intent and INTENT_MAPPING.write(intent)},
        }
        free = {"_id": seen.item_id, "fence": seen.fence, "$expr": {"$not": [_HELD]}}
        if seen.fence == 0:
            return self._acquire_first(seen, taken, intent)
        with store_errors():
            got = self._collection().find_one_and_update(
                free, [{"$set": taken}], {"_id": 1}, return_document=ReturnDocument.AFTER
            )
        return Lease(seen.item_id, seen.fence + 1, True, intent) if got else None

    def clear(self, lease: Lease) -> bool:
        with store_errors():
            return self._give_back(self._collection(), lease)

    def release(self, lease: Lease) -> None:
        with suppress(StoreUnavailable), store_errors():
            self._give_back(self._collection(write_concern=WriteConcern(w=1)), lease)

    def _acquire_first(
        self, seen: Lease, taken: dict[str, Any], intent: Intent | None
    ) -> Lease | None:
        try:
            with store_errors():
                self._collection().update_one(
                    {"_id": seen.item_id, "fence": {"$exists": False}},
                    [{"$set": taken}],
                    upsert=True,
                )
        except DuplicateKeyError:
            return None
        return Lease(seen.item_id, 1, True, intent)

    def _give_back(self, collection: Any, lease: Lease) -> bool:
        result = collection.update_one(
            {"_id": lease.item_id, "fence": lease.fence},
            {"$unset": {"owner": "", "expiresAt": "", "intent": ""}},
        )
        return bool(result.matched_count)

    def _collection(self, **options: Any) -> Any:
        return LeaseDocument._get_collection().with_options(**options)


def _intent(found: dict[str, Any] | None) -> Intent | None:
    return INTENT_MAPPING.read(found) if found else None
