"""The call that a thread is making, and the connections that keep to its deadline and its bound.

requests and urllib3 pass no deadline down to the socket, so the connection looks up the call of its
thread.
"""

import io
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.util.wait import wait_for_read

from order_service.infrastructure.outgoing.names import look_up

_DROP_WHEN_CLOSED: Final = struct.pack("ii", 1, 0)
_SEND_WHEN_CLOSED: Final = struct.pack("ii", 0, 0)


class TooLong(Exception):
    """An answer with more bytes than an answer may have."""


class Interim(Exception):
    """An answer that says that another one follows, which http.client does not wait for."""


@dataclass(slots=True)
class Call:
    """Times in monotonic seconds. Connecting ends by ``connect_by``, what follows within
    ``answer_time`` seconds of its first byte, and everything by ``until``.

    ``keeps``: whether its connection may serve another call. ``sent``: whether a byte of the
    request has left. ``received``: bytes of the answer, of which there may be ``most``.
    ``doubtful``: more than one answer came. ``stray``: bytes came that nobody had asked for.
    """

    connect_by: float
    answer_time: float
    until: float
    most: int
    keeps: bool = True
    sent: bool = False
    received: int = 0
    doubtful: bool = False
    stray: bool = False

    def connecting(self) -> float:
        """Seconds left to connect. Raises TimeoutError when there are none."""
        return _left(min(self.connect_by, self.until), "it was not reached in time")

    def sending(self) -> float:
        """Seconds left to send, which begins now. Raises TimeoutError when there are none, and
        nothing may be sent any more."""
        left = _left(self.until, "the time was over before the request was sent")
        if not self.sent:
            left = min(left, self.answer_time)
            self.until = time.monotonic() + left
            self.sent = True
        return left

    def receiving(self) -> float:
        """Seconds left to receive. Raises TimeoutError when there are none."""
        return _left(self.until, "it did not answer in time")

    def receive(self, number: int) -> None:
        """Count bytes. Raises TooLong."""
        self.received += number
        if self.received > self.most:
            raise TooLong(f"the answer is longer than {self.most} bytes")


def _left(until: float, otherwise: str) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError(otherwise)
    return left


class _Thread(threading.local):
    call: Call | None = None


_thread = _Thread()


@contextmanager
def making(call: Call) -> Iterator[Call]:
    """Until the end of the block this thread makes the call."""
    _thread.call = call
    try:
        yield call
    finally:
        _thread.call = None


def _current() -> Call:
    assert _thread.call is not None, "a connection is used outside of a call"
    return _thread.call


def may_keep() -> bool:
    """Whether this thread may use a connection again, before its call or after it."""
    call = _thread.call
    return call is not None and call.keeps and not call.doubtful


class _Arriving(io.RawIOBase):
    """An answer's bytes. Each read waits no longer than the call has left."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self.call = call
        self.is_over = False
        self._socket = sock
        # It keeps the socket open until it is closed itself.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
            return None
        self._socket.settimeout(self.call.receiving())
        number: int | None = self._file.readinto(buffer)
        if number:
            if not self.call.received:
                _linger(self._socket, _SEND_WHEN_CLOSED)
            self.call.receive(number)
        return number

    def makefile(self, mode: str) -> "_Answer":
        """What http.client asks a socket for."""
        return _Answer(self)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Answer(io.BufferedReader):
    raw: _Arriving

    def close(self) -> None:
        """What lies here beyond the end of the answer is another one, and nobody can tell which of
        them is ours."""
        if not self.closed:
            self.raw.is_over = True
            if self.peek(1).strip():
                self.raw.call.doubtful = self.raw.call.stray = True
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        arriving: Any = _Arriving(sock, _current())
        super().__init__(arriving, *args, **kwargs)


class Bounded(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        call = _current()
        try:
            return _connect(self._dns_host, self.port, call)
        except Exception as error:
            raise NewConnectionError(self, str(error)) from error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call = _current()
        is_first = not call.sent
        self.sock.settimeout(call.sending())
        if is_first:
            # Until the answer begins: if we give up or die, the system must not go on sending.
            _linger(self.sock, _DROP_WHEN_CLOSED)
        super().send(data)

    @property
    def is_connected(self) -> bool:
        """Whether it may serve another call: the server has neither closed it nor sent anything."""
        if self.sock is None:
            return False
        if not wait_for_read(self.sock, timeout=0.0):
            return True
        _current().stray |= _holds_bytes(self.sock)
        return False


class BoundedTls(Bounded, HTTPSConnection):
    """TLS is agreed on within what is left to connect."""


def _connect(host: str, port: int, call: Call) -> socket.socket:
    """To the first address that answers, each within its share of the time that is left."""
    addresses = look_up(host, port, call.connect_by)
    failed: OSError | None = None
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        share = call.connecting() / (len(addresses) - number)
        sock = socket.socket(family, kind, protocol)
        try:
            _set_up(sock, call)
            sock.settimeout(share)
            sock.connect(address)
            sock.settimeout(call.connecting())
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed or OSError("it has no address")


def _set_up(sock: socket.socket, call: Call) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        # While we are stopped ourselves the system must not go on sending either.
        limit = max(1, int(call.answer_time * 1000))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit)


def _linger(sock: socket.socket, how: bytes) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)


def _holds_bytes(sock: socket.socket) -> bool:
    """Of a socket that has something to read, which may be its end."""
    sock.settimeout(0)
    try:
        return bool(sock.recv(1))
    except OSError:
        return False
