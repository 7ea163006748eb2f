"""The key that cached orders are signed with.

It is random, made by whoever asks first, and stays in the store: who can read it there could write
orders there as well.
"""

from secrets import token_bytes

from mongoengine import BinaryField, Document, StringField
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from order_service.infrastructure.mongo.connection import Database, collection_of, store_errors

_NAMED = {"_id": "cached-orders"}
_BYTES = 32


class KeyDocument(Document):
    id = StringField(primary_key=True)
    key = BinaryField()

    meta = {"collection": "keys"}  # noqa: RUF012  (MongoEngine's own shape)


def cache_key(database: Database) -> bytes:
    """Raises StoreUnavailable."""
    keys = collection_of(database, KeyDocument)
    with store_errors():
        try:
            kept = keys.find_one_and_update(
                _NAMED,
                {"$setOnInsert": {"key": token_bytes(_BYTES)}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            # Somebody else was first, just now.
            kept = keys.find_one(_NAMED)
    assert kept is not None
    return bytes(kept["key"])
