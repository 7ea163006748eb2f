"""What the driver's errors mean."""

import pytest
from bson.errors import InvalidBSON, InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.infrastructure.mongo.failures import for_log, meaning, refused

WORDS = {
    "refuses the user": [11, 18, 334, 391],
    "does not allow this": [13],
    "no primary now": [91, 189, 10058, 10107, 11600, 11602, 13435, 13436],
    "did not answer in time": [24, 50, 64, 262],
    "has no room": [146, 261, 292, 365, 371, 462, 14031],
    "An index of the database": [67, 85, 86],
    "by a majority": [79, 100],
    "refuses a document": [15, 121, 10334, 17419],
    "no MongoDB that": [20, 59, 115, 238, 303, 40324],
    "did not carry it out": [1, 2, 8, 99999],
}
CODES = [(code, words) for words, codes in WORDS.items() for code in codes]


@pytest.mark.parametrize(("code", "words"), CODES)
def test_an_error_code_of_mongodb_means_the_same_wherever_it_comes_from(
    code: int, words: str
) -> None:
    concern = {"writeErrors": [], "writeConcernErrors": [{"code": code}]}
    told = [
        meaning(OperationFailure("of host-1.example", code)),
        meaning(BulkWriteError(concern)),
        meaning(BulkWriteError({"writeErrors": [{"code": code}], "writeConcernErrors": []})),
        refused(code),
    ]
    assert [type(error) for error in told] == [StoreUnavailable] * 4
    assert all(words in error.message for error in told)


SERVERS = ", Timeout: 3s, Topology Description: <servers: [('SSL.DNS.example', 27017)]>"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationFailure("bad auth : Authentication failed.", 8000), "refuses the user"),
        (OperationFailure("you are over your space quota", 8000), "has no room"),
        (OperationFailure("hint provided does not correspond to an existing index", 2), "migrate"),
        (ServerSelectionTimeoutError("h:1: SSL handshake failed" + SERVERS), "TLS"),
        (AutoReconnect("h:1: [SSL: WRONG_VERSION_NUMBER]"), "TLS"),
        (ServerSelectionTimeoutError("h:1: Name or service not known" + SERVERS), "not known"),
        (ConfigurationError("The DNS query name does not exist"), "not known"),
        (ServerSelectionTimeoutError('for replica set name "x"' + SERVERS), "not the replica set"),
        (
            ServerSelectionTimeoutError('No replica set members match selector "P"' + SERVERS),
            "no primary now",
        ),
        (ServerSelectionTimeoutError("h:1: Connection refused" + SERVERS), "can't be reached"),
        (NotPrimaryError("not master"), "no primary now"),
        (NetworkTimeout("h:1: timed out"), "did not answer in time"),
        (WaitQueueTimeoutError("Timed out waiting"), "MONGO_POOL_SIZE"),
        (AutoReconnect("h:1: connection closed"), "can't be reached"),
        (ConfigurationError("Server reports wire version 5"), "version does not fit"),
        (ConfigurationError("The kerberos module must be installed"), "options of MONGO_URI"),
        (PyMongoError("anything else"), "did not carry it out"),
        (InvalidBSON("a document"), "can't be read"),
    ],
)
def test_an_error_of_mongodbs_driver_has_a_meaning(error: Exception, words: str) -> None:
    told = meaning(error)
    assert isinstance(told, StoreUnavailable)
    assert words in told.message


@pytest.mark.parametrize(
    "error",
    [
        OverflowError("MongoDB can only handle up to 8-byte ints"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        RecursionError("maximum recursion depth exceeded"),
        InvalidDocument("Key names must not contain the NULL byte"),
        DocumentTooLarge("BSON document too large"),
    ],
)
def test_a_value_that_bson_can_not_hold_is_an_invalid_value_and_no_outage(error: Exception) -> None:
    told = meaning(error)
    assert isinstance(told, InvalidValue)
    assert str(error) not in told.message


def test_the_log_has_what_the_store_says_of_a_refused_document_and_not_the_document() -> None:
    refused = {"code": 121, "errmsg": "Document failed validation", "op": {"name": "alice"}}
    other = {"code": 64, "errmsg": "waiting for replication timed out"}
    error = for_log(BulkWriteError({"writeErrors": [refused] * 2, "writeConcernErrors": [other]}))
    said = "Document failed validation; waiting for replication timed out"
    assert repr(error) == f"OperationFailure('{said}')"
    assert isinstance(error, OperationFailure)
    assert error.code == 121


def test_an_error_of_the_driver_without_documents_is_logged_as_it_is() -> None:
    error = AutoReconnect("h:1: connection closed")
    assert for_log(error) is error
