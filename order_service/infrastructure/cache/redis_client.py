"""A client of Redis that waits for, and reads, only so much in all.

redis-py's time-outs are for each step: a Redis that answers byte by byte, one whose name is not
found, or one that announces a reply of a gigabyte would hold whoever asks.
"""

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# Names are looked up apart, for nothing ends a look-up that hangs; these many may hang at once.
_LOOK_UPS: Final = 4


def bounded_client(url: str, seconds: float, size: int) -> Any:
    """``seconds``, ``size``: what a call may take, and the bytes that its replies may have."""
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
    connecting = ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="redis-connect")

    class Bounded(pool.connection_class):  # type: ignore[name-defined, misc]
        def _connect(self) -> "BoundedSocket":
            made = connecting.submit(super()._connect)
            try:
                return BoundedSocket(made.result(seconds), seconds, size)
            except TimeoutError:
                # One that has not begun never does, or they would queue up behind those that hang.
                if not made.cancel():
                    made.add_done_callback(_close)
                raise

    pool.connection_class = Bounded
    return Redis(connection_pool=pool)


class BoundedSocket:
    """A socket as redis-py uses one: it sends a call, and then reads the replies."""

    def __init__(self, connected: Any, seconds: float, size: int) -> None:
        self._socket = connected
        self._seconds = seconds
        self._size = size
        self._timeout: float | None = seconds
        self._begin()

    def _begin(self) -> None:
        self._until = monotonic() + self._seconds
        self._left = self._size

    def sendall(self, data: bytes) -> None:
        self._begin()
        self._socket.settimeout(self._seconds)
        self._socket.sendall(data)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._socket.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        # 0: whether anything is there.
        if self._timeout != 0:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
        data: bytes = self._socket.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise ConnectionError(f"more than {self._size} bytes")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _close(made: "Future[socket.socket]") -> None:
    with suppress(Exception):
        made.result().close()
