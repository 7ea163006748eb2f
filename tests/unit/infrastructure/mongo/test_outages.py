"""What the log has of an order store that is away: its cause, and no name of a host."""

from typing import Any

import pytest
import structlog
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)
from structlog.testing import capture_logs

from order_service.application.outage import Outage
from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.infrastructure.mongo import combining, connection, outages
from order_service.infrastructure.mongo.combining import Combined
from order_service.infrastructure.mongo.connection import store_errors
from order_service.infrastructure.mongo.outages import cause, refusal

SERVERS = ", Timeout: 3s, Topology Description: <servers: [('refused.example', 27017)]>"
TIMES = " (configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS: 20000.0ms)"
REFUSED = f"shop.example:27017: [Errno 111] Connection refused{TIMES}{SERVERS}"
UNVERIFIED = "h.example:1: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Outage("store_unavailable", structlog.get_logger())
    for module in (outages, connection, combining):
        monkeypatch.setattr(module, "STORE", store)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ServerSelectionTimeoutError(REFUSED), "connection refused"),
        (AutoReconnect(f"timed.out.example:1: connection closed{TIMES}"), "connection closed"),
        (AutoReconnect(f"h.example:1: Connection reset by peer{TIMES}"), "connection closed"),
        (NetworkTimeout(f"h.example:1: timed out{TIMES}"), "timed out"),
        (OperationFailure("operation exceeded time limit", 50), "timed out"),
        (ServerSelectionTimeoutError(UNVERIFIED + TIMES + SERVERS), "certificate verify failed"),
        (AutoReconnect("h.example:1: [SSL: WRONG_VERSION_NUMBER]"), "TLS failed"),
        (ServerSelectionTimeoutError("h.example:1: Name or service not known"), "host not known"),
        (ServerSelectionTimeoutError('No members match selector "P"' + SERVERS), "no primary"),
        (NotPrimaryError("not primary"), "no primary"),
        (WaitQueueTimeoutError("Timed out waiting"), "no free connection"),
        (OperationFailure("not you", 13, {"codeName": "Unauthorized"}), "Unauthorized (13)"),
        (OperationFailure("of h.example", 146), "error (146)"),
        (
            BulkWriteError({"writeErrors": [{"code": 14031, "errmsg": "for", "op": {"a": "b"}}]}),
            "error (14031)",
        ),
        (PyMongoError("of h.example"), "PyMongoError"),
    ],
)
def test_the_cause_of_a_stores_outage_is_told_in_few_words_without_a_host(
    error: Exception, told: str
) -> None:
    assert cause(error) == told


def failing(number: int) -> None:
    for _ in range(number):
        with pytest.raises(StoreUnavailable), store_errors():
            raise ServerSelectionTimeoutError(REFUSED)


def test_however_many_operations_fail_the_outage_of_the_store_has_one_beginning_and_one_end() -> (
    None
):
    def fail(_: list[int]) -> list[int]:
        raise ServerSelectionTimeoutError(REFUSED)

    with capture_logs() as lines:
        failing(20)
        with pytest.raises(StoreUnavailable):
            Combined(fail)(1)
        Combined(list[int])(1)
        with store_errors():
            pass
    begun, ended = lines
    assert begun.pop("since") == ended.pop("since")
    assert begun == {
        "event": "store_unavailable",
        "cause": "connection refused",
        "reason": "The order store can't be reached.",
        "log_level": "warning",
    }
    assert (ended["event"], ended["times"]) == ("store_unavailable_over", 21)


def test_an_operation_that_succeeds_ends_the_outage_of_the_store() -> None:
    with capture_logs() as lines:
        failing(1)
        with store_errors():
            pass
    assert [line["event"] for line in lines] == ["store_unavailable", "store_unavailable_over"]


def test_a_write_that_the_store_refused_among_others_begins_an_outage() -> None:
    with capture_logs() as lines:
        assert "no room" in refusal(14031).message
    assert lines[0]["cause"] == "error 14031"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DuplicateKeyError("E11000 dup key"), DuplicateKeyError),
        (OverflowError("MongoDB can only handle up to 8-byte ints"), InvalidValue),
    ],
)
def test_what_is_wrong_with_a_value_is_no_outage_of_the_store(
    error: Exception, expected: type[Exception]
) -> None:
    lines: list[Any]
    with capture_logs() as lines, pytest.raises(expected), store_errors():
        raise error
    assert lines == []
