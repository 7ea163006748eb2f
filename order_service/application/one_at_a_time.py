"""What a process does for one caller at a time, because each takes much of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from order_service.domain.errors import Busy

# Seconds: who waits keeps a thread of the process meanwhile.
_LONGEST_WAIT: Final = 2.0


class OneAtATime:
    """``busy``: what a caller is told whose turn does not come within 2 s. For any thread."""

    def __init__(self, busy: str) -> None:
        self._busy = busy
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises Busy."""
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise Busy(self._busy)
        try:
            yield
        finally:
            self._turn.release()
