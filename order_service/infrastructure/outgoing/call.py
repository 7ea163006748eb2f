"""The call that a thread is making: when each step of it must end, and how far it has come.

requests and urllib3 pass no deadline down to the socket, so the connection looks it up here.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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


def current() -> Call:
    assert _thread.call is not None, "a connection is used outside of a call"
    return _thread.call


def may_keep() -> bool:
    """Whether this thread may use a connection again, before its call or after it."""
    call = _thread.call
    return call is not None and call.keeps and not call.doubtful
