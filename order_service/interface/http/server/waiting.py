"""The connections that the main loop waits for, each with the time by which it has to be done."""

import selectors
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from order_service.interface.http.server.connection import Connection

ARRIVING: Final = "arriving"
ANSWERING: Final = "answering"
CLOSING: Final = "closing"

# Seconds for which whoever comes is left alone.
JUST_SECONDS: Final = 0.1
# Seconds that are left to them once the process stops.
_LEFT_AT_STOP: Final = {ARRIVING: 2.0, ANSWERING: 8.0, CLOSING: 2.0}


class WaitingRoom:
    """``ready`` is called with a connection when there is something to read from it, or room for
    what it is sent."""

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
        """From now on, in all."""
        conn.deadline = time.monotonic() + seconds
        self._hurry(conn)

    def release(self, conn: Connection) -> None:
        """It goes on elsewhere. Its weight still counts, and it is still watched: that it will be
        held again before anything more comes of it is likely, and two calls of the kernel less."""
        self._held.discard(conn)

    def forget(self, conn: Connection) -> None:
        self._held.discard(conn)
        self._watch(conn, 0)
        self.weight -= conn.weight
        conn.weight = 0

    def weigh(self, conn: Connection) -> None:
        """``weight``: bytes in memory for all, those in a thread's hands included."""
        weight = conn.holds()
        self.weight += weight - conn.weight
        conn.weight = weight

    def _called(self, conn: Connection, _: object) -> None:
        if conn in self._held:
            self._ready(conn)
        else:
            # It is elsewhere, or another's turn has just ended it.
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
        """Who would lose least: first who has its answer, then who has sent nothing. Whoever has
        just come is not asked to go: its request may be on the way."""
        just = time.monotonic() - JUST_SECONDS
        may_go = (conn for conn in self._held if conn.doing == CLOSING or conn.held_since < just)
        return min(may_go, key=_loss, default=None)

    def heaviest(self) -> Connection | None:
        """None where none holds a byte: ending those would make nothing lighter."""
        found = max(self._held, key=Connection.holds, default=None)
        return found if found and found.holds() else None

    def stop(self) -> None:
        """Whoever waits now, or will, waits no longer than the end of the process allows."""
        self._stopped_at = time.monotonic()
        for conn in self._held:
            self._hurry(conn)

    def _hurry(self, conn: Connection) -> None:
        if self._stopped_at is not None:
            conn.deadline = min(conn.deadline, self._stopped_at + _LEFT_AT_STOP[conn.doing])


def _loss(conn: Connection) -> tuple[bool, int, float]:
    return conn.doing != CLOSING, conn.holds() and 1 + (conn.doing == ANSWERING), conn.deadline
