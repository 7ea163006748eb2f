"""Ids of log entries: an ObjectId's second is that of the entry's createdAt, by the store's clock,
and within a second one process's ids grow in the order they were taken."""

import os
import threading
from datetime import UTC, datetime
from typing import Final

from bson import ObjectId

_LAST_SECOND: Final = 2**32 - 1


class EntryIds:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.urandom(5)
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._taken = 0

    def take(self, number: int, now: datetime) -> tuple[list[ObjectId], datetime]:
        """That many ids, and the time they stand for: ``now``, or the latest before it."""
        with self._lock:
            at = max(now, self._latest)
            if int(at.timestamp()) != int(self._latest.timestamp()):
                self._taken = 0
            first, self._taken, self._latest = self._taken, self._taken + number, at
        begin = _second(at) + self._process
        return [ObjectId(begin + n.to_bytes(3)) for n in range(first, first + number)], at


def first_id(at: datetime, later: int = 0) -> ObjectId:
    """The lowest id of the second that ``at`` is in, or of one ``later``. Ids know no time before
    1970 nor after 2106: the nearest that they know stands for it."""
    return ObjectId(_second(at, later) + bytes(8))


def _second(at: datetime, later: int = 0) -> bytes:
    return min(max(int(at.timestamp()) + later, 0), _LAST_SECOND).to_bytes(4)
