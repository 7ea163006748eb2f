"""The connections that the main loop waits for, each connection with its deadline."""

import selectors
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from order_service.interface.http.server.connection import Connection

ARRIVING: Final = "arriving"
ANSWERING: Final = "answering"
CLOSING: Final = "closing"

# Seconds for which a new connection is not asked to go.
JUST_SECONDS: Final = 0.1
# Seconds that connections have left once the process accepts no more of them: longer than the
# keepalive of gunicorn.conf.py, so that a kept connection is served to its end.
_LEFT_AT_STOP: Final = 8.0
# Seconds for what begins after that: a request, or the sending of its answer.
_LEAST_LEFT: Final = 2.0


class WaitingRoom:
    """``ready`` is called with a connection that has bytes to read, or room for bytes to send.
    ``weight``: bytes in memory for all connections."""

    def __init__(self, poller: selectors.BaseSelector, ready: Callable[[Connection], None]) -> None:
        self._poller = poller
        self._ready = ready
        self._held: set[Connection] = set()
        self._stopped_at: float | None = None
        self.weight = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, conn: Connection, doing: str, seconds: float) -> None:
        conn.doing = doing
        conn.held_since = time.monotonic()
        conn.deadline = conn.held_since + seconds
        self._hurry(conn)
        self._held.add(conn)
        self._watch(conn, selectors.EVENT_WRITE if doing == ANSWERING else selectors.EVENT_READ)
        self.weigh(conn)

    def give(self, conn: Connection, seconds: float) -> None:
        """Set the deadline to ``seconds`` from now."""
        conn.deadline = time.monotonic() + seconds
        self._hurry(conn)

    def release(self, conn: Connection) -> None:
        """A thread takes the connection over. Its weight still counts, and the poller still watches
        it: most connections are held again before more bytes come, and this saves two system calls.
        """
        self._held.discard(conn)

    def forget(self, conn: Connection) -> None:
        self._held.discard(conn)
        self._watch(conn, 0)
        self.weight -= conn.weight
        conn.weight = 0

    def weigh(self, conn: Connection) -> None:
        """Count the connection's bytes anew, also while a thread has the connection."""
        weight = conn.holds()
        self.weight += weight - conn.weight
        conn.weight = weight

    def _called(self, conn: Connection, _: object) -> None:
        if conn in self._held:
            self._ready(conn)
        else:
            # A thread has the connection, or the step of another connection has just ended it.
            self._watch(conn, 0)

    def _watch(self, conn: Connection, events: int) -> None:
        if conn.watched == events:
            return
        if conn.watched:
            self._poller.unregister(conn.socket)
        conn.watched = events
        if events:
            self._poller.register(conn.socket, events, partial(self._called, conn))

    def overdue(self) -> list[Connection]:
        now = time.monotonic()
        return [conn for conn in self._held if conn.deadline <= now]

    def least(self) -> Connection | None:
        """The connection that would lose least: first one that has its answer, then one that has
        sent nothing. Never one that has just come: its request may be on the way."""
        just = time.monotonic() - JUST_SECONDS
        may_go = (conn for conn in self._held if conn.doing == CLOSING or conn.held_since < just)
        return min(may_go, key=_loss, default=None)

    def heaviest(self) -> Connection | None:
        """The connection with the most bytes; None where no connection holds a byte."""
        found = max(self._held, key=Connection.holds, default=None)
        return found if found and found.holds() else None

    def stop(self) -> None:
        """Shorten every deadline, of now and of later, to what the end of the process allows."""
        self._stopped_at = time.monotonic()
        for conn in self._held:
            self._hurry(conn)

    def _hurry(self, conn: Connection) -> None:
        if self._stopped_at is not None:
            least = time.monotonic() + _LEAST_LEFT
            conn.deadline = min(conn.deadline, max(least, self._stopped_at + _LEFT_AT_STOP))


def _loss(conn: Connection) -> tuple[bool, int, float]:
    return conn.doing != CLOSING, conn.holds() and 1 + (conn.doing == ANSWERING), conn.deadline
