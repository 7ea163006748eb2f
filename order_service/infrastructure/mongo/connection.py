"""The connection to MongoDB, its collections, and what its errors mean here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import pymongo.database
from mongoengine import Document
from pymongo import MongoClient, uri_parser
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from order_service.infrastructure.mongo.failures import NO_BSON, for_log
from order_service.infrastructure.mongo.outages import STORE, failure
from order_service.settings import Settings, SettingsError
from order_service.settings.redaction import redacted

Fields = dict[str, Any]
# PyMongo's own. Whoever needs the store is given a Database.
Database = pymongo.database.Database[Fields]
Documents = Collection[Fields]
_DUPLICATE_KEY = 11000
# As good as none: the driver knows none where the connection has a time-out.
_A_WEEK = 7 * 24 * 3600


def connect(settings: Settings, operation_timeout: float | None = None, **options: Any) -> Database:
    """Make the connection; nothing is sent before the first operation.

    Reads are of the primary, writes are acknowledged by a majority and journaled, and every
    operation ends within ``operation_timeout`` seconds (``STORE_TIMEOUT``), retries included.
    A URI that says otherwise was refused with the settings (``store_uri``).

    Raises SettingsError for a URI that can't be used, or whose name can't be looked up.
    """
    with _refusals(settings.mongo_uri):
        if settings.mongo_uri.startswith("mongodb+srv://"):
            # The client would look the name up at its first operation.
            uri_parser.parse_uri(settings.mongo_uri)
        client: MongoClient[Fields] = MongoClient(
            settings.mongo_uri,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            timeoutMS=int((operation_timeout or settings.store_timeout) * 1000),
            serverSelectionTimeoutMS=int(settings.store_timeout * 1000),
            maxPoolSize=settings.mongo_pool_size,
            connect=False,
            appname="order-service",
            tz_aware=True,
            tzinfo=UTC,
            uuidRepresentation="standard",
            **options,
        )
        return client.get_default_database(settings.mongo_database)


def collection_of(database: Database, document: type[Document]) -> Documents:
    """The collection of that class's documents. MongoEngine's classes say what is stored, and which
    indexes there are; PyMongo's collections read and write it."""
    return database[document._meta["collection"]]


@contextmanager
def _refusals(uri: str) -> Iterator[None]:
    """The name of a mongodb+srv:// URI is looked up here, and its options meet ours."""
    try:
        yield
    except PyMongoError as error:
        reason = redacted(error, {"MONGO_URI": uri})
        raise SettingsError(f"Bad setting: MONGO_URI: MongoDB's driver says: {reason}") from None


def require_reachable(database: Database, seconds: float) -> None:
    """Raises StoreUnavailable: within a long operation timeout the driver would go on trying."""
    with pymongo.timeout(seconds), store_errors():
        database.command("ping")


@contextmanager
def all_within(seconds: float) -> Iterator[None]:
    """Instead of each within the connection's own time-out, all operations together."""
    with pymongo.timeout(seconds):
        yield


@contextmanager
def as_long_as_it_takes(database: Database) -> Iterator[None]:
    """For maintenance, which no caller waits for. Raises StoreUnavailable, within the connection's
    own time-out, when there is no server to begin with."""
    with store_errors():
        database.command("ping")
    with pymongo.timeout(_A_WEEK), store_errors():
        yield


@contextmanager
def store_errors() -> Iterator[None]:
    """Whatever the driver raises but a duplicate key becomes StoreUnavailable, which says why, or
    InvalidValue, where it was given a value that can't be in the store. The log is told of the
    store's outage, and of its end."""
    try:
        yield
    except DuplicateKeyError:
        raise
    except (PyMongoError, *NO_BSON) as error:
        raise failure(error) from for_log(error)
    STORE.over()


def duplicates(error: BulkWriteError) -> dict[int, DuplicateKeyError]:
    """What a bulk write met, by place. Raises the error itself if it is about anything else."""
    failed = error.details["writeErrors"]
    is_more = error.details.get("writeConcernErrors")
    if is_more or any(each["code"] != _DUPLICATE_KEY for each in failed):
        raise error
    return {
        each["index"]: DuplicateKeyError(each["errmsg"], _DUPLICATE_KEY, each) for each in failed
    }
