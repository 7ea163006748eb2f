"""Requests that nobody means well with, as bytes on a socket. Each is answered, none with our fault
(5xx), and the service is as well afterwards as it was before."""

import gzip
import json
import socket
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings

from tests.api.hostile import GOOD, ITEM, REQUESTS, request
from tests.api.issuer import Issuer, bearer
from tests.system import System

# Of each of the four kinds, at each of the two services.
EXAMPLES = 150
DEFECT = '"event": "defect"'


class Sender:
    """``token``: sent with each request that has none of its own."""

    def __init__(self, system: System, token: str | None) -> None:
        url = urlsplit(system.urls[0])
        self._address = (url.hostname, url.port)
        self._token = token
        self.is_open = token is None

    def send(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._token is not None and b"\r\nAuthorization:" not in sent:
            line = f"\r\nAuthorization: Bearer {self._token}\r\n".encode()
            sent = sent.replace(b"\r\n", line, 1)
        with socket.create_connection(self._address, timeout=20) as connection:
            connection.sendall(sent)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, body


@pytest.fixture(params=["open", "guarded"])
def sender(request: pytest.FixtureRequest, issuer: Issuer) -> Iterator[Sender]:
    system: System = request.getfixturevalue(f"{request.param}_system")
    scopes = "orders:read orders:write stock:read"
    before = system.api[0].log().count(DEFECT)
    yield Sender(system, issuer.token("mallory", scopes) if request.param == "guarded" else None)
    assert system.request("GET", "/health/ready").status_code == 200
    assert system.api[0].log().count(DEFECT) == before


@pytest.mark.parametrize("kind", REQUESTS)
def test_whatever_request_is_sent_the_answer_is_no_5xx(kind: str, sender: Sender) -> None:
    answered: Counter[int] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(sent=REQUESTS[kind])
    def ask(sent: bytes) -> None:
        status, headers, body = sender.send(sent)
        answered[status] += 1
        assert status < 500, body
        if status >= 400 and "X-Request-Id" in headers and not sent.startswith(b"HEAD"):
            assert json.loads(body)["status"] == status
        assert "evil.example" not in headers.get("Location", "") + headers.get("Link", "")

    ask()
    assert sum(answered.values()) >= EXAMPLES, answered
    # The most of it came through to us, and was understood and turned down.
    assert sum(answered[status] for status in (400, 401, 404, 405, 413, 415)) >= EXAMPLES // 3


# --- what once was our fault, or was taken for something else

CREATE = "/api/orders"
JSON = ("Content-Type", b"application/json")
KEYS = [("Idempotency-Key", b'"a"'), ("Idempotency-Key", b'"b"')]
TWICE = {
    "a key": (request("POST", CREATE, [JSON, KEYS[0], KEYS[0]], GOOD), b"must be sent once"),
    "two keys": (request("POST", CREATE, [JSON, *KEYS], GOOD), b"must be sent once"),
    "a parameter": (request("GET", f"{CREATE}?limit=1&limit=2", []), b"must be given once"),
    "a name": (
        request("POST", CREATE, [JSON], b'{"quantity":1,"quantity":100}'),
        b"must be given once",
    ),
}


@pytest.mark.parametrize("what", TWICE)
def test_a_field_or_header_that_is_sent_twice_is_a_400(what: str, sender: Sender) -> None:
    sent, told = TWICE[what]
    status, _, body = sender.send(sent)
    assert status == 400
    assert told in body


@pytest.mark.parametrize(
    "sent",
    [
        request("POST", CREATE, [JSON, JSON], GOOD),
        request("GET", CREATE, [("Host", b"localhost"), ("Host", b"localhost")]),
    ],
    ids=["a content type", "a host"],
)
def test_a_host_or_content_type_that_is_sent_twice_is_a_400(sent: bytes, sender: Sender) -> None:
    assert sender.send(sent)[0] == 400


def test_an_if_match_header_that_names_two_versions_cancels_nothing(open_system: System) -> None:
    order = open_system.create(open_system.add_item(1)).json()["order"]["_id"]
    own = open_system.get(order).headers["ETag"].encode()
    sender = Sender(open_system, None)
    for values in ([own, b'"99"'], [b","], [b"nothing"]):
        lines = [("If-Match", value) for value in values]
        assert sender.send(request("POST", f"{CREATE}/{order}/cancel", lines))[0] == 412
    assert open_system.get(order).json()["order"]["status"] == "COMPLETED"


def test_a_token_that_is_sent_twice_lets_nobody_in(sender: Sender, issuer: Issuer) -> None:
    token = issuer.token("alice", "orders:read")
    line = ("Authorization", f"Bearer {token}".encode())
    status, _, _ = sender.send(request("GET", CREATE, [line, line]))
    assert status == (200 if sender.is_open else 401)


def test_a_request_id_that_is_sent_twice_is_replaced(sender: Sender) -> None:
    sent = request("GET", "/health/live", [("X-Request-Id", b"a"), ("X-Request-Id", b"b")])
    assert len(sender.send(sent)[1]["X-Request-Id"]) == 32


def test_a_415_for_a_packed_body_names_the_encoding_that_is_taken(sender: Sender) -> None:
    body = gzip.compress(GOOD)
    sent = request("POST", CREATE, [JSON, ("Content-Encoding", b"gzip")], body)
    status, headers, _ = sender.send(sent)
    assert (status, headers["Accept-Encoding"]) == (415, "identity")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/orders?cursor=f_________8AAAAAAAAAAAAAAAA5zjTvY5UU", 400),
        ("/api/orders?createdAfter=2026-01-31T12:00:00+0000", 200),
        ("/api/orders?createdAfter=2026-01-31T12:00:00%2B0000", 200),
        (f"/api/orders/{ITEM[:12]}%2F{ITEM[:11]}", 404),
        (f"/api/orders/{ITEM}%0A", 404),
        (f"/api/orders/{ITEM}%00", 404),
        ("/api/nothing", 404),
        ("/api/", 404),
        ("http://evil.example/api/orders", 200),
    ],
)
def test_each_odd_target_has_its_status(target: str, status: int, sender: Sender) -> None:
    answered, headers, body = sender.send(request("GET", target, []))
    assert answered == status, body
    if status >= 400:
        assert headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("subject", ["\ud800", "alice\nstatus  CANCELLED", "\x00"])
def test_a_token_whose_subject_is_no_text_is_a_401(
    subject: str, guarded_system: System, issuer: Issuer
) -> None:
    headers = bearer(issuer.token(subject, "orders:write orders:read"))
    body = {"itemId": ITEM, "quantity": 1}
    for answer in (
        guarded_system.request("POST", CREATE, json=body, headers=headers),
        guarded_system.request("GET", CREATE, headers=headers),
    ):
        assert answer.status_code == 401
        assert "no text" in answer.headers["WWW-Authenticate"]
