"""What an error of the driver means: one table, of which the first row that fits counts.

Its texts are for those who run the service, and callers see them too: no host, no user, nothing of
the driver's own words. The driver's error is chained to ours, for the log, as ``for_log`` has it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bson.errors import BSONError, InvalidBSON
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from order_service.domain.errors import InvalidValue, OrderServiceError, StoreUnavailable

# What the driver raises, besides its own errors, for a value that BSON has no place for.
NO_BSON: Final = (BSONError, OverflowError, UnicodeError, RecursionError)
NOT_MIGRATED: Final = "The database is not migrated: run `order-service migrate`."


class _Row(NamedTuple):
    """Fits an error that has one of the codes, and one of the types with one of the words in its
    text, where words are given."""

    message: str
    codes: frozenset[int] = frozenset()
    types: tuple[type[Exception], ...] = ()
    words: tuple[str, ...] = ()


_TABLE: Final = (
    _Row(
        "The order store refuses the user or the password: check MONGO_URI, and its authSource.",
        frozenset({11, 18, 334, 391}),
        (OperationFailure,),
        ("bad auth",),
    ),
    _Row(
        "The order store does not allow this to the user of MONGO_URI: give it the role readWrite "
        "on the database, and dbAdmin to migrate it.",
        frozenset({13}),
    ),
    _Row(
        "No trusted TLS connection to the order store could be made: check the tls options of "
        "MONGO_URI and the certificates.",
        types=(ConnectionFailure,),
        words=("SSL", "TLS", "certificate"),
    ),
    _Row(
        "The name of the order store's host is not known: check MONGO_URI.",
        types=(ConnectionFailure, ConfigurationError),
        words=(
            *("service not known", "name resolution", "nodename", "No address", "DNS"),
            # Of a name that can not be encoded; the second is that of Python 3.12.
            *("idna", "label empty or too long"),
        ),
    ),
    _Row(
        "The order store is not the replica set that MONGO_URI names: check its replicaSet.",
        types=(ConnectionFailure, ConfigurationError),
        words=("replica set name",),
    ),
    _Row(
        "The order store has no primary now: it is choosing one, or stopping.",
        frozenset({91, 189, 10058, 10107, 11600, 11602, 13435, 13436}),
        (NotPrimaryError,),
    ),
    _Row(
        "The order store has no primary now: it is choosing one, or stopping.",
        types=(ServerSelectionTimeoutError,),
        words=("match selector", "No primary"),
    ),
    _Row(
        "All connections to the order store are in use: see MONGO_POOL_SIZE.",
        types=(WaitQueueTimeoutError,),
    ),
    _Row("The order store can't be reached.", types=(ServerSelectionTimeoutError,)),
    _Row(
        "The order store did not answer in time: see STORE_TIMEOUT.",
        frozenset({24, 50, 64, 262}),
        (NetworkTimeout,),
    ),
    _Row(
        "The order store has no room, or too much to do: look at its disk and its memory.",
        frozenset({146, 261, 292, 365, 371, 462, 14031}),
        (OperationFailure,),
        ("space quota",),
    ),
    _Row(NOT_MIGRATED, types=(OperationFailure,), words=("hint provided does not correspond",)),
    _Row(
        "An index of the database is not what this version needs: `order-service migrate` "
        "tells which.",
        frozenset({67, 85, 86}),
    ),
    _Row(
        "The order store can't acknowledge a write by a majority: look at its replica set.",
        frozenset({79, 100}),
    ),
    _Row(
        "The order store refuses a document: it is too large, or a rule of the collection is "
        "against it.",
        frozenset({15, 121, 10334, 17419}),
    ),
    _Row(
        "The server is no MongoDB that the service can use: it lacks a command or an option.",
        frozenset({20, 59, 115, 238, 303, 40324}),
    ),
    _Row(
        "The server is no MongoDB that the service can use: its version does not fit.",
        types=(ConfigurationError,),
        words=("wire version",),
    ),
    _Row("The order store can't be reached.", types=(AutoReconnect, ConnectionFailure)),
    # As authMechanism=GSSAPI without its library, or loadBalanced=true without a balancer.
    _Row(
        "The order store can't be used with the options of MONGO_URI: check that it supports them, "
        "and that what they need is installed.",
        types=(ConfigurationError,),
    ),
)
_OTHER: Final = "The order store did not carry it out."


def meaning(error: Exception) -> OrderServiceError:
    """StoreUnavailable, or InvalidValue where the value is what is wrong. ``error``: the driver's,
    or one of NO_BSON."""
    if isinstance(error, PyMongoError):
        return StoreUnavailable(_message(error))
    if isinstance(error, InvalidBSON):
        return StoreUnavailable("The order store holds a document that can't be read.")
    return InvalidValue("value", "can't be kept by the order store, nor be there")


def refused(code: int) -> StoreUnavailable:
    """What a single write of many met."""
    return StoreUnavailable(_message(OperationFailure("", code)))


def for_log(error: Exception) -> Exception:
    """The driver's error without documents, in which a customer's data are: that of many writes
    repeats each document that was refused."""
    if not isinstance(error, BulkWriteError):
        return error
    failed = _failed(error)
    texts = dict.fromkeys(str(each.get("errmsg")) for each in failed)
    return OperationFailure("; ".join(texts), failed[0]["code"] if failed else None)


def _message(error: PyMongoError) -> str:
    codes = set(_codes(error))
    # What follows describes every server, by the name of its host.
    text = str(error).partition(", Timeout: ")[0]
    for row in _TABLE:
        is_named = not row.words or any(word in text for word in row.words)
        if row.codes & codes or (isinstance(error, row.types) and is_named):
            return row.message
    return _OTHER


def _codes(error: PyMongoError) -> Iterator[int]:
    if isinstance(error, OperationFailure):
        yield error.code or 0
    if isinstance(error, BulkWriteError):
        yield from (each["code"] for each in _failed(error))


def _failed(error: BulkWriteError) -> list[dict[str, Any]]:
    details: Any = error.details
    return [*details.get("writeErrors", []), *details.get("writeConcernErrors", [])]
