"""The end of a process: readiness turns 503 first, and requests in flight are finished."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

_LOOK_EVERY = 0.02


class Stopping:
    """``delay``: seconds for which the process takes new connections after the signal to stop, so
    that a load balancer sees the 503 before connections are refused. While requests are in flight
    that came before the signal, the process takes new connections too, for up to ``at_most``
    seconds in all.
    """

    def __init__(self, delay: float, at_most: float) -> None:
        self._delay = delay
        self._at_most = at_most
        # Threads, each with a request from before the signal. Later requests don't count: under
        # load there is always one.
        self._in_flight: set[int] = set()
        self.begun_at: datetime | None = None

    @property
    def begun(self) -> bool:
        return self.begun_at is not None

    def begin(self, stop_taking: Callable[[], None]) -> None:
        """Returns at once. May be called from a signal handler, and more than once."""
        if not self.begun:
            self.begun_at = datetime.now(UTC)
            threading.Thread(target=self._wait_and, args=(stop_taking,), daemon=True).start()

    def _wait_and(self, stop_taking: Callable[[], None]) -> None:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < self._at_most:
            if waited >= self._delay and not self._in_flight:
                break
            time.sleep(_LOOK_EVERY)
        stop_taking()

    def enter(self) -> None:
        """This thread has a request from here on."""
        if not self.begun:
            self._in_flight.add(threading.get_ident())

    def leave(self) -> None:
        self._in_flight.discard(threading.get_ident())
