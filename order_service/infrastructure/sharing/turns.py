"""Turns at an item, for the processes of one gunicorn.

The item's lease alone keeps two from overwriting its stock at once. But whoever waits for a lease
has to ask the store again and again, and who asks at the wrong moments waits long; processes of one
machine can queue instead, and the kernel ends the turn of one that dies. Nothing depends on a turn:
who has waited for one too long goes on without.
"""

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Longer than a commit takes while all is well.
_AT_MOST: Final = 1.0
_LOOK_EVERY: Final = 0.004
_PLACES: Final = 1 << 61


class ItemTurns:
    """``file``: one that the processes share. Two bytes of it, which need not be there, stand for
    an item: one is locked by whose turn it is, the other by who is next. So nobody has two turns
    while another waits."""

    def __init__(self, file: int) -> None:
        self._file = file

    @contextmanager
    def at(self, item_id: str) -> Iterator[None]:
        turn = int(item_id, 16) % _PLACES * 2
        until = time.monotonic() + _AT_MOST
        try:
            with self._held(turn + 1, until):
                self._wait_for(turn, until)
            yield
        finally:
            self._leave(turn)

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
            # A system that has no more locks to give is no reason to take no orders.
            return error.errno not in (errno.EACCES, errno.EAGAIN)
        return True

    def _leave(self, place: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


def new_turns() -> ItemTurns:
    """Turns that this process shares with those that it forks from then on."""
    return ItemTurns(_nameless_file())


def _nameless_file() -> int:
    """Nobody else finds it, and it is gone with the last process."""
    if hasattr(os, "memfd_create"):
        # In memory, so that a full disk keeps nothing from starting.
        return os.memfd_create("order-service-turns")
    file, name = tempfile.mkstemp()
    os.unlink(name)
    return file
