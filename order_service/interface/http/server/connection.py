"""One client's connection: the bytes that have arrived, and the answer that is unread yet."""

import socket
import struct
from contextlib import suppress
from typing import Any, Final

from gunicorn.http import get_parser

from order_service.interface.http.server.arriving import Arriving

_AT_ONCE: Final = 16 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


class Disputed(Exception):
    """Two readers of the same bytes see the request end at different places."""


class Exchange:
    """Stands for the socket in gunicorn: gives a request that is here, keeps an answer for later.

    An Exchange has the methods that gunicorn's HTTP/1 code calls, and no method blocks.
    """

    __slots__ = ("_arrived", "_server", "answer", "ran_dry")

    def __init__(self, server: Any) -> None:
        """``server``: the address that the connection came in by."""
        self._server = server
        self.answer: list[bytes] = []
        self._arrived = b""
        self.ran_dry = False

    def bring(self, arrived: bytes) -> None:
        self._arrived = arrived
        self.ran_dry = False

    def recv(self, _: int) -> bytes:
        arrived, self._arrived = self._arrived, b""
        self.ran_dry = self.ran_dry or not arrived
        return arrived

    def getsockname(self) -> Any:
        return self._server

    def sendall(self, data: bytes) -> None:
        self.answer.append(data)

    def send(self, data: bytes) -> int:
        """Drops 100 Continue: the body is here, so the client has had its 100 Continue."""
        return len(data)

    def shutdown(self, _: int) -> None:
        """Refuses: the main loop closes every connection, also after an answer broke off."""
        raise OSError("the main loop closes the connection")

    def close(self) -> None:
        """See ``shutdown``."""


class Connection:
    """``doing``: what the main loop waits for. ``held_since``, ``deadline``: since when and until
    when the loop waits, in monotonic seconds.

    ``client`` and ``server``: the addresses of both ends. ``keep``: whether the connection can take
    another request. ``watched``: the events that the poller watches. ``weight``: the bytes that
    were last counted for the connection.
    """

    __slots__ = (
        "arriving",
        "client",
        "deadline",
        "doing",
        "held_since",
        "keep",
        "parser",
        "server",
        "sock",
        "socket",
        "unsent",
        "watched",
        "weight",
    )

    def __init__(self, cfg: Any, client: socket.socket, address: Any) -> None:
        client.setblocking(False)
        self.socket = client
        self.client = address
        self.server = client.getsockname()
        self.sock = Exchange(self.server)
        self.parser = get_parser(cfg, self.sock, address)
        self.arriving = Arriving(bytearray())
        self.unsent = b""
        self.weight = self.watched = 0
        self.keep = False
        self.doing = ""
        self.deadline = self.held_since = 0.0

    def holds(self) -> int:
        """Bytes in memory for the connection."""
        return len(self.arriving.data) + len(self.unsent)

    def receive(self) -> bytes | None:
        """The bytes that have come: b'' at the end, None when none has come. Raises OSError."""
        try:
            return self.socket.recv(_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return None

    def hand_over(self) -> None:
        """Gives gunicorn the request that has arrived whole."""
        self.sock.bring(self.arriving.take())

    def await_next(self) -> None:
        """Begins the next request with those of its bytes that have come."""
        self.arriving = Arriving(self.arriving.data)

    def require_agreement(self) -> None:
        """Raises Disputed unless gunicorn has read the whole request, and nothing behind it."""
        if self.sock.ran_dry or self.parser.unreader.take_buffered() or self.sock.recv(1):
            raise Disputed

    def send_answer(self) -> None:
        """Sends as much of the answer as the client takes now. Raises OSError without a client."""
        self.unsent += b"".join(self.sock.answer)
        self.sock.answer.clear()
        self.send_rest()

    def send_rest(self) -> None:
        if self.unsent:
            with suppress(BlockingIOError, InterruptedError):
                self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def let_continue(self) -> None:
        """Tells a client that waits to send its body that it may."""
        with suppress(BlockingIOError):
            self.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def end(self) -> None:
        """Sends no more. Bytes that still come are read and dropped, or the client could lose the
        end of its answer. Raises OSError."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes with a reset where an answer is cut off, or the kernel would keep its rest."""
        with suppress(OSError):
            if self.unsent:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.socket.close()
