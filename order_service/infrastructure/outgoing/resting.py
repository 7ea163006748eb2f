"""The pools of urllib3, and the connections that they keep for another call.

A server that sends one answer too many shifts all that follow on the same connection. So a
connection rests a while after each answer: what comes meanwhile is seen before the next request,
and the connection is not used again.
"""

import queue
import time
import weakref
from collections import deque
from contextlib import suppress
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection

from order_service.infrastructure.outgoing.connections import Bounded, BoundedTls, may_keep

# Seconds.
_REST: Final = 0.05
_LONGEST_IDLE: Final = 60.0

_Kept = deque[tuple[float, HTTPConnection]]


class RestingConnections(queue.LifoQueue[Any]):
    """The one used last comes first, if it has rested. ``maxsize``: how many are kept."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._resting: _Kept = deque()
        self._rested: _Kept = deque()
        weakref.finalize(self, _close_all, self._resting, self._rested)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Closes the connection instead where it may not serve again, or there are enough."""
        if item is None or item.is_closed:
            return
        with self.mutex:
            keep = may_keep() and self.qsize() < self.maxsize
            if keep:
                self._resting.append((time.monotonic(), item))
        if not keep:
            item.close()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Raises queue.Empty; then urllib3 opens a new connection."""
        if not may_keep():
            raise queue.Empty
        now, too_old = time.monotonic(), []
        with self.mutex:
            while self._resting and self._resting[0][0] <= now - _REST:
                self._rested.append(self._resting.popleft())
            while self._rested and self._rested[0][0] < now - _LONGEST_IDLE:
                too_old.append(self._rested.popleft())
            found = self._rested.pop() if self._rested else None
        for _, connection in too_old:
            connection.close()
        if found is None:
            raise queue.Empty
        return found[1]

    def qsize(self) -> int:
        return len(self._resting) + len(self._rested)


def _close_all(*kept: _Kept) -> None:
    for connections in kept:
        with suppress(IndexError):
            while True:
                connections.pop()[1].close()


class HttpPool(HTTPConnectionPool):
    ConnectionCls = Bounded
    QueueCls = RestingConnections


class HttpsPool(HTTPSConnectionPool):
    ConnectionCls = BoundedTls
    QueueCls = RestingConnections
