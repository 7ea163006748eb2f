"""Clients that take their time, each kind in its own way, as raw sockets.

with SlowClients(port, "half a head", 200) as clients:
    ...
    until(lambda: not clients.open(), "the end of all")
"""

import select
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from devstack.ports import LOOPBACK

_TRICKLE_SECONDS: Final = 0.25
_HEAD: Final = b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_GET: Final = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Kind:
    """``first`` is sent at once, ``then`` again and again; what is answered is read if ``reads``.

    ``within``: seconds in all after which the server has ended it.
    """

    first: bytes
    within: float
    then: bytes = b""
    reads: bool = True


KINDS: Final[Mapping[str, Kind]] = {
    "nothing": Kind(b"", 10),
    "one byte": Kind(b"G", 10),
    "half a head": Kind(b"GET /health/live HTTP/1.1\r\nHost: sh", 10),
    "a head that trickles": Kind(b"GET / HTTP/1.1\r\nX-A: ", 10, b"a"),
    "no body": Kind(_HEAD + b"Content-Length: 60000\r\n\r\n", 20),
    "a body that trickles": Kind(_HEAD + b"Content-Length: 60000\r\n\r\n", 20, b" "),
    "a body that lacks its end": Kind(_HEAD + b"Content-Length: 60001\r\n\r\n" + b" " * 60_000, 20),
    "chunks that trickle": Kind(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 20, b"1\r\n \r\n"),
    "a body that is asked for": Kind(
        _HEAD + b"Expect: 100-continue\r\nContent-Length: 60000\r\n\r\n", 20
    ),
    "a long body that nobody reads": Kind(
        b"GET /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n", 5, b"x"
    ),
    "an answer that is not read": Kind(_GET * 150, 40, reads=False),
    "a connection that is kept": Kind(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 5),
    "rubbish, and no end": Kind(b"\x16\x03\x01\r\n\r\n", 3, b"\x00"),
}


class SlowClients:
    """``began``: in monotonic time. ``lasted``: seconds until the last of those that ended did."""

    def __init__(self, port: int, kind: str, number: int) -> None:
        self.kind = KINDS[kind]
        self.began = time.monotonic()
        self.lasted = 0.0
        self._sockets = [self._connected(port) for _ in range(number)]
        self._ended: set[socket.socket] = set()
        self._answers: dict[socket.socket, bytes] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._trickle, daemon=True)

    def _connected(self, port: int) -> socket.socket:
        client = socket.socket()
        if not self.kind.reads:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(10)
        client.connect((LOOPBACK, port))
        client.setblocking(False)
        with suppress(BlockingIOError):
            client.send(self.kind.first)
        return client

    def open(self) -> int:
        """How many the server has not ended."""
        return len(self._sockets) - len(self._ended)

    def answers(self) -> list[bytes]:
        """What was read of each, b"" of those that were sent nothing."""
        return list(self._answers.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    def _trickle(self) -> None:
        while not self._over.wait(_TRICKLE_SECONDS):
            ended = {each for each in self._sockets if self._has_ended(each)}
            for each in ended - self._ended:
                self.lasted = time.monotonic() - self.began
                each.close()
            self._ended = ended

    def _has_ended(self, client: socket.socket) -> bool:
        if client in self._ended:
            return True
        try:
            if self.kind.then:
                client.send(self.kind.then)
            return self._reads_its_end(client) if self.kind.reads else _is_hung_up(client)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _reads_its_end(self, client: socket.socket) -> bool:
        read = client.recv(4096)
        self._answers[client] = self._answers.get(client, b"") + read
        return not read


def _is_hung_up(client: socket.socket) -> bool:
    """Told without reading what is there."""
    poll = select.poll()
    # The end, or a reset, which is told of in any case.
    poll.register(client, select.POLLRDHUP)
    return bool(poll.poll(0))
