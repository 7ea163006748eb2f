"""Whether a request is whole: the same, however its bytes are cut."""

import random

import pytest

from order_service.interface.http.hygiene import MAX_BODY
from order_service.interface.http.server.arriving import MAX_HEAD, Arriving
from tests.api.raw_requests import ODD, smuggling

HEAD = b"POST /api/orders?x=1 HTTP/1.1\r\nHost: x\r\n"
WHOLE = {
    "no body": b"GET /health/live?a HTTP/1.1\r\nHost: x\r\n\r\n",
    "no fields": b"GET / HTTP/1.0\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body": HEAD + b"content-LENGTH:  5 \r\n\r\n12345",
    "no length": HEAD + b"Content-Length: 0\r\n\r\n",
    "chunks": HEAD
    + b"Transfer-Encoding: Chunked\r\n\r\n5\r\n12345\r\n0a;b=c\r\n0123456789\r\n0\r\n\r\n",
    "no chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "the longest body": HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BODY + b"x" * MAX_BODY,
}


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind != "the longest body"])
def test_a_request_that_comes_byte_by_byte_is_whole_with_its_last_byte(kind: str) -> None:
    request = Arriving(bytearray())
    for byte in WHOLE[kind][:-1]:
        request.data.append(byte)
        assert not request.is_whole(), bytes(request.data)
    request.data.append(WHOLE[kind][-1])
    assert request.is_whole()
    assert request.is_sound


@pytest.mark.parametrize("kind", WHOLE)
def test_bytes_behind_a_whole_request_belong_to_the_next_request(kind: str) -> None:
    request = Arriving(bytearray(WHOLE[kind] + b"GET /next"))
    assert request.is_whole()
    assert request.take() == WHOLE[kind]
    assert request.data == b"GET /next"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /" + b"a" * 9000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD // 6),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 9000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (MAX_BODY + 1),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;%s\r\nx\r\n" % (b"a" * 8000) * 17,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 2000,
    ],
)
def test_a_request_that_can_never_be_whole_is_not_waited_for(data: bytes) -> None:
    request = Arriving(bytearray(data))
    assert request.is_whole()
    assert not request.is_sound


def test_a_body_that_says_that_it_is_too_long_is_not_waited_for() -> None:
    request = Arriving(bytearray(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1)))
    assert request.is_whole()
    assert request.body_left_unread
    assert not request.is_sound


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (WHOLE["no body"], b"/health/live"),
        (WHOLE["a body"], b"/api/orders"),
        (b"GET", b""),
        (b"", b""),
        (b"GET  / HTTP/1.1", b""),
    ],
)
def test_the_path_of_a_request_is_read_from_its_request_line(data: bytes, target: bytes) -> None:
    assert Arriving(bytearray(data)).target() == target


def test_any_request_in_pieces_has_the_verdict_of_the_whole_request_and_is_bounded() -> None:
    chance = random.Random(14)
    tried = 0
    for make in [*ODD.values(), smuggling] * 60:
        data = make(chance)
        at_once = Arriving(bytearray(data))
        in_pieces = Arriving(bytearray())
        left = data
        while left and not in_pieces.is_whole():
            size = chance.randrange(1, 5000)
            in_pieces.data += left[:size]
            left = left[size:]
        tried += 1
        # What is malformed may be seen before all of it is here. Then gunicorn's parser says so.
        if at_once.is_whole() and at_once.is_sound and in_pieces.is_sound:
            assert in_pieces.is_whole()
            assert in_pieces.take() == at_once.take()
        assert len(in_pieces.data) <= MAX_HEAD + 2 * MAX_BODY + 5000
    assert tried == 480
