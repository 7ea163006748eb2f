"""One client: what has arrived from it, and what it has not read yet."""

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
    """What gunicorn takes for the socket: a request that is here, an answer that is sent later.

    It has what gunicorn's HTTP/1 code asks of a socket, and blocks in none of it.
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
        """100 Continue, which whoever asked for it has had: the body is here."""
        return len(data)

    def shutdown(self, _: int) -> None:
        """An answer that broke off is closed in the main loop, as all are."""
        raise OSError("it is closed elsewhere")

    def close(self) -> None:
        """See ``shutdown``."""


class Connection:
    """``doing``: what the main loop waits for on it. ``held_since``, ``deadline``: since and until
    when, in monotonic time.

    ``client`` and ``server``: the addresses of both ends. ``keep``: whether it can take another
    request. ``watched`` and ``weight``: the events that the poller has for it, and the bytes that
    it was last counted with.
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
        """Bytes in memory for it."""
        return len(self.arriving.data) + len(self.unsent)

    def receive(self) -> bytes | None:
        """What there is to read: b'' at its end, None when nothing is there yet. Raises OSError."""
        try:
            return self.socket.recv(_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return None

    def hand_over(self) -> None:
        """Gives gunicorn the request that has arrived whole."""
        self.sock.bring(self.arriving.take())

    def await_next(self) -> None:
        """Begins the next request with what has come of it."""
        self.arriving = Arriving(self.arriving.data)

    def require_agreement(self) -> None:
        """Raises Disputed unless gunicorn has used up the request, and no more than that."""
        if self.sock.ran_dry or self.parser.unreader.take_buffered() or self.sock.recv(1):
            raise Disputed

    def send_answer(self) -> None:
        """As much of it as the client takes now. Raises OSError when it is gone."""
        self.unsent += b"".join(self.sock.answer)
        self.sock.answer.clear()
        self.send_rest()

    def send_rest(self) -> None:
        if self.unsent:
            with suppress(BlockingIOError, InterruptedError):
                self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def let_continue(self) -> None:
        """Tells a client that asks before it sends its body."""
        with suppress(BlockingIOError):
            self.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def end(self) -> None:
        """No more is sent; what still comes is read and forgotten, or the client could lose the
        end of its answer. Raises OSError."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """With a reset where an answer is cut off, or the kernel would go on keeping it."""
        with suppress(OSError):
            if self.unsent:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.socket.close()
