"""Looking up a host's addresses, in no more than a given time.

The system's look-up has no time-out and can't be broken off, so it is made in a thread of its own.
Whoever asks for the same host meanwhile waits for the same look-up: there is never more than one
thread for a host, however long its look-up hangs.
"""

import socket
import threading
import time
from concurrent.futures import Future
from typing import Any, Final

# As long as a look-up's addresses serve others as well: a slow one must not have been for nothing.
_GOOD_FOR: Final = 5.0

# Family, kind, protocol, canonical name, and what connect() takes.
Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


class _LookUp:
    def __init__(self, host: str, port: int) -> None:
        self._found: Future[list[Address]] = Future()
        self._ended = float("inf")
        threading.Thread(target=self._look, args=(host, port), name="look-up", daemon=True).start()

    def _look(self, host: str, port: int) -> None:
        try:
            self._found.set_result(_addresses(host, port))
        except Exception as error:  # noqa: BLE001  (it belongs to those who wait)
            self._found.set_exception(error)
        self._ended = time.monotonic()

    def serves(self) -> bool:
        """Whether it is worth waiting for, or fresh."""
        if not self._found.done():
            return True
        return self._found.exception() is None and time.monotonic() - self._ended < _GOOD_FOR

    def result(self, until: float) -> list[Address]:
        try:
            return self._found.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            if self._found.done():
                raise
            raise TimeoutError("its name was not looked up in time") from None


_look_ups: dict[tuple[str, int], _LookUp] = {}
_lock = threading.Lock()


def look_up(host: str, port: int, until: float) -> list[Address]:
    """At least one. ``until`` in monotonic seconds. Raises OSError (a TimeoutError past it),
    UnicodeError."""
    if _is_address(host):
        return _addresses(host, port)
    with _lock:
        look = _look_ups.get((host, port))
        if look is None or not look.serves():
            look = _look_ups[host, port] = _LookUp(host, port)
    return look.result(until)


def _addresses(host: str, port: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False
