"""The end of a process: readiness turns 503 first, and requests in flight are finished."""

import threading
import time
from collections.abc import Callable

_LOOK_EVERY = 0.02


class Stopping:
    """``delay``: seconds for which the process takes new requests after the signal to stop, so that
    a load balancer sees the 503 before connections are refused. While requests are in flight, the
    process takes new requests too, for up to ``at_most`` seconds in all.
    """

    def __init__(self, delay: float, at_most: float) -> None:
        self._delay = delay
        self._at_most = at_most
        self._in_flight = 0
        self._counting = threading.Lock()
        self.begun = False

    def begin(self, stop_taking: Callable[[], None]) -> None:
        """Returns at once. May be called from a signal handler, and more than once."""
        if not self.begun:
            self.begun = True
            threading.Thread(target=self._wait_and, args=(stop_taking,), daemon=True).start()

    def _wait_and(self, stop_taking: Callable[[], None]) -> None:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < self._at_most:
            if waited >= self._delay and not self._in_flight:
                break
            time.sleep(_LOOK_EVERY)
        stop_taking()

    def enter(self) -> None:
        """A request is in flight from here on."""
        with self._counting:
            self._in_flight += 1

    def leave(self) -> None:
        with self._counting:
            self._in_flight -= 1
