"""Log an outage: a line when it begins, one a minute while it lasts, and one when it ends."""

import threading
import time
from datetime import UTC, datetime
from typing import Any, Final, Protocol

# Seconds.
_A_MINUTE: Final = 60.0
# Of a shared outage: what succeeds so soon after a failure was under way before the failure, and
# what fails so soon after the end belongs to the outage that ended.
_UNDER_WAY: Final = 1.0
_AGAIN: Final = 10.0


class Log(Protocol):
    """A structured logger."""

    def warning(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...


class Outage:
    """What one process tells of one thing that is away. For any thread.

    ``serious``: whether the outage is logged as a warning, or else as information. ``shared``:
    whether calls of many threads meet it, some of which succeed while others fail; so a thing that
    comes and goes is told once a minute, too. ``every``: seconds from one line to the next.
    """

    def __init__(
        self,
        event: str,
        log: Log,
        *,
        serious: bool = True,
        shared: bool = False,
        every: float = _A_MINUTE,
    ) -> None:
        self._event = event
        self._log = log
        self._serious = serious
        self._under_way, self._again = (_UNDER_WAY, _AGAIN) if shared else (0.0, 0.0)
        self._every = every
        self._lock = threading.Lock()
        self._lasts = self._is_told = False
        self._begun = self._logged_at = self._failed_at = self._ended = float("-inf")
        self._since = datetime.now(UTC)
        self._times = 0

    @property
    def lasts(self) -> bool:
        return self._lasts

    @property
    def since(self) -> datetime | None:
        """When the outage began that lasts now."""
        return self._since if self._lasts else None

    def failed(self, **fields: Any) -> None:
        """Count a failure. The first failure is logged, and then one in each ``every`` seconds."""
        with self._lock:
            now = self._failed_at = time.monotonic()
            is_new = not self._lasts and now - self._ended >= self._again
            if is_new:
                self._begun, self._since, self._times = now, datetime.now(UTC), 0
            self._lasts = True
            self._times += 1
            if not is_new and now - self._logged_at < self._every:
                return
            self._logged_at, self._is_told = now, True
            lasted = {} if is_new else self._lasted(now)
            since = iso(self._since)
        # The method is looked up now: the log may have been configured since the start.
        write = self._log.warning if self._serious else self._log.info
        write(self._event, since=since, **lasted, **fields)

    def over(self, **fields: Any) -> None:
        """Something succeeded: the end of the outage, if one had begun."""
        # Asked after each success, so without the lock where nothing is wrong.
        if not self._lasts:
            return
        with self._lock:
            now = time.monotonic()
            if not self._lasts or now - self._failed_at < self._under_way:
                return
            is_told, self._lasts, self._is_told, self._ended = self._is_told, False, False, now
            lasted, since = self._lasted(now), iso(self._since)
        if is_told:
            self._log.info(f"{self._event}_over", since=since, **lasted, **fields)

    def _lasted(self, now: float) -> dict[str, Any]:
        return {"times": self._times, "seconds": round(now - self._begun)}


def iso(moment: datetime) -> str:
    """``2026-01-31T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
