"""A Redis client with a bound on the time and on the bytes of each call.

redis-py's time-outs bound each step alone: a Redis that answers byte by byte, whose name is not
found, or that announces a reply of a gigabyte would hold up its caller.
"""

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# Nothing ends a look-up of a name that hangs, so threads do them; so many may hang at once.
_LOOK_UPS: Final = 4


def bounded_client(url: str, seconds: float, size: int) -> Any:
    """``seconds``: the longest call; ``size``: the most bytes of its replies."""
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
                # A connect that has not begun is dropped, or it would queue behind hanging ones.
                if not made.cancel():
                    made.add_done_callback(_close)
                raise

    pool.connection_class = Bounded
    return Redis(connection_pool=pool)


class BoundedSocket:
    """A socket as redis-py uses one: send a call, then read its replies."""

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
        # With a time-out of 0 redis-py only asks whether bytes are there.
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
