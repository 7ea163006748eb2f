"""The key that cached orders are signed with.

It is random, made by whoever asks first, and stays in the store: who can read it there could write
orders there as well.
"""

from secrets import token_bytes

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from order_service.infrastructure.mongo.connection import database, store_errors

_NAMED = {"_id": "cached-orders"}
_BYTES = 32


def cache_key() -> bytes:
    """Raises StoreUnavailable."""
    with store_errors():
        try:
            kept = database()["keys"].find_one_and_update(
                _NAMED,
                {"$setOnInsert": {"key": token_bytes(_BYTES)}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            # Somebody else was first, just now.
            kept = database()["keys"].find_one(_NAMED)
    return bytes(kept["key"])
