"""Time as the store tells it."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from order_service.infrastructure.mongo.connection import database, store_errors

REFRESH_SECONDS = 30.0


class StoreClock:
    """UTC in whole milliseconds by the store's clock, asked for every 30 s and carried forward by
    this process's monotonic one. So processes whose own clocks differ agree to within a round trip.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading = (datetime.min.replace(tzinfo=UTC), float("-inf"))

    def now(self) -> datetime:
        """Raises StoreUnavailable while the store was never reached."""
        now = self._carried_forward() or self._refreshed()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _carried_forward(self) -> datetime | None:
        read, read_at = self._reading
        elapsed = time.monotonic() - read_at
        return read + timedelta(seconds=elapsed) if elapsed <= REFRESH_SECONDS else None

    def _refreshed(self) -> datetime:
        with self._lock:
            if now := self._carried_forward():
                return now
            asked_at = time.monotonic()
            with store_errors():
                answer: dict[str, Any] = database().command("hello")
            # A command answers without the time zone, whatever the connection says.
            local_time: datetime = answer["localTime"].replace(tzinfo=UTC)
            self._reading = (local_time, asked_at)
            return local_time
