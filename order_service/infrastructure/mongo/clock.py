"""Time as the store tells it."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from order_service.infrastructure.mongo.connection import Database, store_errors

REFRESH_SECONDS = 30.0

# The first may have to connect, and any may be held up; the quickest tells the time best.
_READINGS: Final = 3


class _Reading(NamedTuple):
    """What the store's clock said at ``at`` of the monotonic clock, give or take ``within`` s."""

    told: datetime
    at: float
    within: float

    def carried_forward(self) -> datetime:
        return self.told + timedelta(seconds=time.monotonic() - self.at)


class StoreClock:
    """UTC in whole milliseconds by the store's clock, asked for every 30 s and carried forward by
    this process's monotonic one. So processes whose own clocks differ agree to within a round trip.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._reading = _Reading(datetime.min.replace(tzinfo=UTC), float("-inf"), 0)

    def now(self) -> datetime:
        """Raises StoreUnavailable while the store was never reached."""
        now = self._carried_forward() or self._refreshed()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _carried_forward(self) -> datetime | None:
        reading = self._reading
        is_fresh = time.monotonic() - reading.at <= REFRESH_SECONDS
        return reading.carried_forward() if is_fresh else None

    def _refreshed(self) -> datetime:
        with self._lock:
            if now := self._carried_forward():
                return now
            readings = [_read(self._database) for _ in range(_READINGS)]
            self._reading = min(readings, key=lambda reading: reading.within)
            return self._reading.carried_forward()


def _read(database: Database) -> _Reading:
    asked_at = time.monotonic()
    with store_errors():
        answer = database.command("hello")
    within = (time.monotonic() - asked_at) / 2
    # A command answers without the time zone, whatever the connection says.
    return _Reading(answer["localTime"].replace(tzinfo=UTC), asked_at + within, within)
