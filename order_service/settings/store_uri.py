"""MONGO_URI: what MongoDB's driver takes, and which options the service's promises allow.

The operator says where the servers are, who the service is and whom to trust (hosts, replicaSet,
auth…, tls…). The service says what its promises stand on (reads of the primary, writes that a
majority has on disk, the end of each operation): an option about these must say the same as the
service, or the option stops the start. An operator would believe in an option that is ignored.
"""

import warnings
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from order_service.settings.errors import Refused
from order_service.settings.redaction import redacted

_DATABASES_OF_MONGODB: Final = {"admin", "config", "local"}
_LONGEST_DATABASE_NAME: Final = 63


class _Ours(NamedTuple):
    """``allowed``: the option's only value, in lower case; None where the option is forbidden."""

    allowed: str | None
    why: str


_STALE: Final = "an order that was just created could read as not there"
_LOST: Final = "an order that was acknowledged could be lost"
_TIME: Final = "set STORE_TIMEOUT instead"
_SHAPE: Final = "the service reads what it wrote in its own way"

OURS: Final = {
    "readpreference": _Ours("primary", _STALE),
    "readpreferencetags": _Ours(None, _STALE),
    "maxstalenessseconds": _Ours(None, _STALE),
    "readconcernlevel": _Ours("majority", _STALE),
    # A direct connection reads from its member, also when the member is no longer the primary.
    "directconnection": _Ours("false", _STALE + " (name the set with replicaSet)"),
    "w": _Ours("majority", _LOST),
    "journal": _Ours("true", _LOST),
    "fsync": _Ours("false", _LOST + " (the journal is what counts)"),
    "retrywrites": _Ours("true", "an order would fail with each election of a primary"),
    "retryreads": _Ours("true", "a read would fail with each election of a primary"),
    "timeoutms": _Ours(None, _TIME),
    "serverselectiontimeoutms": _Ours(None, _TIME),
    "sockettimeoutms": _Ours(None, _TIME),
    "wtimeoutms": _Ours(None, _TIME),
    "waitqueuetimeoutms": _Ours(None, _TIME),
    "maxpoolsize": _Ours(None, "set MONGO_POOL_SIZE instead"),
    "uuidrepresentation": _Ours("standard", _SHAPE),
    "tz_aware": _Ours("true", _SHAPE),
    "datetime_conversion": _Ours(None, _SHAPE),
    "unicode_decode_error_handler": _Ours("strict", _SHAPE),
}


def forbidden_uri_options(uri: str) -> str | None:
    """What is wrong with the first option that undoes a promise; None where no option does. The
    text names the option and shows nothing else of the URI."""
    for part in uri.partition("?")[2].replace(";", "&").split("&"):
        name, _, value = part.partition("=")
        ours = OURS.get(unquote_plus(name).lower())
        if ours and unquote_plus(value).lower() != ours.allowed:
            leave = f"must be {ours.allowed}, or left out" if ours.allowed else "must be left out"
            return f"its option {unquote_plus(name)} {leave}: {ours.why}"
    return None


def allowed(uri: str) -> str:
    """The URI itself. Raises ValueError for an option that is not allowed."""
    if problem := forbidden_uri_options(uri):
        raise ValueError(problem)
    return uri


def check(uri: str) -> None:
    """Raises Refused with the driver's reason. Asks no name server: a mongodb+srv:// name is looked
    up when the service connects to the store."""
    from pymongo import MongoClient, common, uri_parser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if "?" in uri:
                # The client only warns of an option's bad value; split_options raises.
                uri_parser.split_options(uri.partition("?")[2])
            MongoClient(uri, connect=False).close()
    except Exception as error:  # noqa: BLE001  (there is no list of what it raises)
        known = " ".join(["mongodb", "srv", *common.URI_OPTIONS_VALIDATOR_MAP])
        reason = redacted(error, {"MONGO_URI": uri}, known)
        raise Refused(f"MongoDB's driver says: {reason}") from None


def named_database(uri: str) -> str | None:
    """The database that the URI's path names. Raises Refused for one that can't hold orders."""
    from pymongo import uri_parser

    _, _, rest = uri.partition("://")
    named = uri_parser.parse_uri("mongodb://" + rest.partition("?")[0])
    if named["collection"]:
        raise Refused("names a collection behind the database: leave out the dot and what follows")
    database: str | None = named["database"]
    if database is not None:
        check_database(database)
    return database


def smallest_pool(uri: str) -> int:
    """The URI's minPoolSize."""
    from pymongo import uri_parser

    options = uri.partition("?")[2]
    return int(uri_parser.split_options(options).get("minpoolsize") or 0) if options else 0


def check_database(name: str) -> None:
    if name.lower() in _DATABASES_OF_MONGODB:
        raise Refused(
            "the database is one of MongoDB's own: name another (MONGO_URI's option authSource "
            "names the database that keeps the user's password)"
        )
    if len(name.encode()) > _LONGEST_DATABASE_NAME:
        raise Refused(f"the database's name is longer than {_LONGEST_DATABASE_NAME} bytes")
