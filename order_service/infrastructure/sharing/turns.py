"""Turns at an item, for the processes of one gunicorn.

The item's lease alone keeps two processes from overwriting the stock at once. But a process that
waits for a lease has to ask the store again and again, and waits long if it asks at the wrong
moments. Processes of one machine can queue instead; the kernel ends a dead process's turn.
No promise depends on a turn: a process that waits too long goes on without one.
"""

import errno
import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

# Longer than a commit takes while all is well.
_AT_MOST: Final = 1.0
_LOOK_EVERY: Final = 0.004
_PLACES: Final = 1 << 61


class ItemTurns:
    """``file``: a descriptor that the processes share. Two bytes, which need not exist, stand for
    an item: the process whose turn it is locks the one, the next process the other. So no process
    has two turns while another waits. The kernel's locks are a process's, so its threads wait for
    each other at a lock in memory first."""

    def __init__(self, file: int) -> None:
        self._file = file
        # A lock is there as long as somebody waits for it, or holds it.
        self._threads: WeakValueDictionary[int, Lock] = WeakValueDictionary()
        self._finding = threading.Lock()

    @contextmanager
    def at(self, item_ids: Sequence[str]) -> Iterator[None]:
        """One after another, in the order of their places: nobody waits for a turn whose owner
        waits for this one's."""
        until = time.monotonic() + _AT_MOST
        with ExitStack() as turns:
            for place in sorted({int(item_id, 16) % _PLACES for item_id in item_ids}):
                turns.enter_context(self._at(place, until))
            yield

    @contextmanager
    def _at(self, place: int, until: float) -> Iterator[None]:
        with self._finding:
            mine = self._threads.setdefault(place, threading.Lock())
        if not mine.acquire(timeout=max(0.0, until - time.monotonic())):
            yield
            return
        turn = 2 * place
        try:
            with self._held(turn + 1, until):
                self._wait_for(turn, until)
            yield
        finally:
            self._leave(turn)
            mine.release()

    @contextmanager
    def _held(self, place: int, until: float) -> Iterator[None]:
        self._wait_for(place, until)
        try:
            yield
        finally:
            self._leave(place)

    def _wait_for(self, place: int, until: float) -> None:
        while not self._take(place) and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)

    def _take(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            # Where the system has no lock left, orders go on without turns.
            return error.errno not in (errno.EACCES, errno.EAGAIN)
        return True

    def _leave(self, place: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


def new_turns() -> ItemTurns:
    """Turns that this process shares with every process that it forks later."""
    return ItemTurns(_nameless_file())


def _nameless_file() -> int:
    """A file that no other program finds, and that is gone with the last process."""
    if hasattr(os, "memfd_create"):
        # In memory: a full disk does not keep the service from starting.
        return os.memfd_create("order-service-turns")
    file, name = tempfile.mkstemp()
    os.unlink(name)
    return file
