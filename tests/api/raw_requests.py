"""Hostile requests, byte by byte, in families: each makes one from a seeded chance."""

import random
from collections.abc import Callable, Mapping
from typing import Final

_METHODS: Final = (b"GET", b"POST", b"PUT", b"HEAD", b"PRI", b"get", b"G\xe9T", b"", b"A" * 30)
_TARGETS: Final = (b"/", b"/api/orders", b"*", b"//", b"http://[::1", b"/%00", b"/\xff", b"/\x00")
_VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1", b"HTTP/9.9", b"ICY", b"")
_ENDS: Final = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\x0b", b"\x00\r\n", b"")
_NAMES: Final = (b"Host", b"X-A", b"Content-Length", b"Expect", b"Connection", b"X_A", b":", b" X")
_VALUES: Final = (b"", b"\x00", b"a" * 9000, b"close", b"\xff\xfe", b"-1", b"5, 5", b"a\rb", b"0x5")
_POST: Final = b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_BODY: Final = b'{"itemId": "0123456789abcdef01234567", "quantity": 0}'
# What a request may hide behind another; it is never answered where the first one is hostile.
HIDDEN: Final = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"

Maker = Callable[[random.Random], bytes]


def _lines(chance: random.Random) -> bytes:
    line = b" ".join(chance.choice(each) for each in (_METHODS, _TARGETS, _VERSIONS))
    count = chance.randrange(6)
    fields = [chance.choice(_NAMES) + b": " + chance.choice(_VALUES) for _ in range(count)]
    return b"".join(each + chance.choice(_ENDS) for each in [line, *fields, b""])


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 3000)) + chance.choice((b"", b"\r\n\r\n"))


def _huge(chance: random.Random) -> bytes:
    size = chance.choice((4095, 8192, 33_000, 70_000, 300_000))
    return chance.choice(
        (
            b"GET /" + b"a" * size + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"a" * size + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (size // 6) + b"\r\n",
            b"A" * size,
            b"\r\n" * size,
        )
    )


def _nuls(chance: random.Random) -> bytes:
    request = bytearray(_POST + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY)
    for _ in range(chance.randrange(1, 6)):
        request.insert(chance.randrange(len(request)), chance.choice((0, 10, 13, 127, 255)))
    return bytes(request)


def _chunks(chance: random.Random) -> bytes:
    sizes = (b"5", b"zz", b"-5", b"0x5", b"5;" + b"a" * 9000, b"5 ; a=b", b"F" * 16, b"", b"+1")
    parts = [
        chance.choice(sizes) + chance.choice(_ENDS) + chance.randbytes(chance.choice((0, 4, 5)))
        for _ in range(chance.randrange(1, 5))
    ]
    ends = (
        b"0\r\n\r\n",
        b"0\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * 3000,
        b"",
        b"00\n\n",
    )
    return _POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"\r\n".join(parts) + chance.choice(ends)


def _half(chance: random.Random) -> bytes:
    whole = _POST + b"Content-Length: %d\r\n\r\n" % (len(_BODY) + chance.randrange(3)) + _BODY
    return whole[: chance.randrange(1, len(whole))]


def _bodies(chance: random.Random) -> bytes:
    nested = chance.choice((b"[", b'{"a":')) * chance.randrange(1, 60_000)
    body = chance.choice((nested[:65_536], b"\xff" * 70_000, b"1" * 65_000, b'"\\ud800"', b"nul"))
    return _POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


ODD: Final[Mapping[str, Maker]] = {
    "lines": _lines,
    "noise": _noise,
    "huge": _huge,
    "nuls": _nuls,
    "chunks": _chunks,
    "half": _half,
    "bodies": _bodies,
}


def smuggling(chance: random.Random) -> bytes:
    """Two readers could see it end at different places, and the hidden one begin there."""
    length = len(HIDDEN)
    fields = chance.choice(
        (
            b"Content-Length: %d\r\nTransfer-Encoding: chunked" % length,
            b"Content-Length: 0\r\nContent-Length: %d" % length,
            b"Content-Length: %d\r\nContent-Length: 0" % length,
            b"Content-Length: 0, %d" % length,
            b"Content-Length: +%d" % length,
            b"Content-Length: %dx" % length,
            b"Content-Length: %030d" % (length + 5),
            b"Content-Length : %d" % length,
            b"Content-Length:\r\n %d" % length,
            b"Content_Length: %d\r\nTransfer-Encoding: xchunked" % length,
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding:\x0bchunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            b"Transfer-Encoding: chunked\nContent-Length: 0",
            b"X: y\rTransfer-Encoding: chunked",
            b"X: y\x00\r\nTransfer-Encoding : chunked",
        )
    )
    begun = chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"1\r\nZ\r\nQ\r\n\r\n", b"0;\n\r\n\r\n"))
    return _POST + fields + b"\r\n\r\n" + begun + HIDDEN
