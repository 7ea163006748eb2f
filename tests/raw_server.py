"""A server that answers bytes, whatever they are, and takes its time as it is told.

with RawServer(lambda request: [b"HTTP/1.1 200 OK\\r\\n", 0.5, b"..."]) as server:
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from devstack.ports import LOOPBACK

HANG_UP: Final = None

# Bytes are sent, a number is a pause of so many seconds, HANG_UP closes the connection.
Step = bytes | float | None
Script = Callable[[bytes], Iterable[Step]]


def answer(body: bytes, status: int = 200, *more: bytes) -> bytes:
    """``more``: lines of its head."""
    lines = [b"HTTP/1.1 %d Whatever" % status, b"Content-Length: %d" % len(body), *more]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def trickle(content: bytes, pause: float) -> Iterable[Step]:
    for at in range(len(content)):
        yield content[at : at + 1]
        yield pause


class RawServer:
    """``requests``: each as it came. ``ended``: how each connection ended that we did not end:
    the error, or None where it was closed in order."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.ended: list[OSError | None] = []
        self._tls = tls
        self._over = threading.Event()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server((LOOPBACK, 0), backlog=128)

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for each in (self._listening, *list(self._open)):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        self._open.add(plain)
        try:
            with plain, self._agreed(plain) as connection:
                while request := _request(connection):
                    self.requests.append(request)
                    if not self._play(connection, request):
                        return
                self.ended.append(None)
        except OSError as error:
            self.ended.append(error)
        finally:
            self._open.discard(plain)

    def _agreed(self, plain: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(plain, server_side=True) if self._tls else plain

    def _play(self, connection: socket.socket, request: bytes) -> bool:
        for step in self.script(request):
            if step is HANG_UP:
                return False
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                self._over.wait(step)
        return True


def _request(connection: socket.socket) -> bytes:
    """One request, whole; empty at the end."""
    received = b""
    while not _is_whole(received):
        more = connection.recv(65536)
        if not more:
            return b""
        received += more
    return received


def _is_whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    return bool(found) and len(body) >= int(length or 0)
