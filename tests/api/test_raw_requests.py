"""Bytes that are no request, or almost one, straight into the socket. Each is answered with an
error of the client's, or not at all; none ends a process, and none hides another request."""

import json
import random
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from devstack.ports import LOOPBACK
from tests.api.raw_requests import HIDDEN, ODD, smuggling
from tests.processes import api_workers
from tests.system import System

EACH = 100
_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)


def answers(system: System, request: bytes) -> list[tuple[int, bytes, bytes]]:
    """Status, head and the beginning of the body of each answer."""
    port = urlsplit(system.urls[0]).port
    received = b""
    with socket.create_connection((LOOPBACK, port), timeout=20) as client:
        try:
            client.sendall(request)
            # There is no more, so that nobody waits for it.
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        except ConnectionError:
            pass
    found = list(_ANSWER.finditer(received))
    return [(int(each[1]), each[2], received[each.end() :]) for each in found]


@pytest.fixture(autouse=True)
def _unharmed(open_system: System) -> Iterator[None]:
    before = api_workers(open_system)
    yield
    assert api_workers(open_system) == before
    assert open_system.request("GET", "/health/live", timeout=5).status_code == 200
    log = open_system.api[0].log()
    assert '"event": "connection_failed"' not in log
    assert '"event": "defect"' not in log


@pytest.mark.parametrize("family", ODD)
def test_no_odd_raw_request_is_a_5xx(family: str, open_system: System) -> None:
    chance = random.Random(14)
    answered = 0
    for _ in range(EACH):
        request = ODD[family](chance)
        for status, head, _body in answers(open_system, request):
            answered += 1
            assert status < 500 or status == 501, (status, request[:300])
            if status >= 400 and not request.startswith(b"HEAD"):
                assert b"application/problem+json" in head, request[:300]
    # Of half a request nothing is to be said.
    assert answered or family == "half"


def test_no_raw_request_smuggles_another_one_in(open_system: System) -> None:
    chance = random.Random(14)
    for _ in range(EACH):
        request = smuggling(chance)
        got = answers(open_system, request)
        assert [status for status, _, _ in got] in ([400], [501], []), request


def test_the_smuggled_request_alone_would_be_answered(open_system: System) -> None:
    assert [status for status, _, _ in answers(open_system, HIDDEN)] == [404]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 5000), 414, "uri_too_long"),
        (
            b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"a" * 9000),
            431,
            "request_header_fields_too_large",
        ),
        (
            b"GET / HTTP/1.1\r\n%s\r\n" % (b"X: y\r\n" * 101),
            431,
            "request_header_fields_too_large",
        ),
        (
            b"GET / HTTP/1.1\r\n%s\r\n" % (b"X: %s\r\n" % (b"a" * 8000) * 5),
            431,
            "request_header_fields_too_large",
        ),
        (b"GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400, "bad_request"),
        (b"GET\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", 501, "not_implemented"),
        (b"GET / HTTP/1.1\r\nExpect: tea\r\n\r\n", 417, "expectation_failed"),
        (
            b"POST /api/orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % 70_000,
            413,
            "request_entity_too_large",
        ),
    ],
)
def test_a_request_that_never_reaches_the_application_is_answered_with_a_problem(
    request_: bytes, status: int, code: str, open_system: System
) -> None:
    ((told, head, body),) = answers(open_system, request_)
    assert told == status
    assert b"Content-Type: application/problem+json" in head
    assert b"Connection: close" in head
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:order-service:problem:{code}"
    assert problem["detail"] == problem["message"]
    assert problem["title"]
    assert f"X-Request-Id: {problem['requestId']}".encode() in head
    assert problem["requestId"] in open_system.api[0].log()


def test_the_text_of_a_malformed_request_is_not_in_the_log(open_system: System) -> None:
    answers(open_system, b"GET / HTTP/1.1\r\nAuthorization Bearer a-secret-token\r\n\r\n")
    assert "a-secret-token" not in open_system.api[0].log()
