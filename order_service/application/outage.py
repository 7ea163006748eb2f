"""Log an outage: a line when it begins, one a minute while it lasts, and one when it ends."""

import threading
import time
from datetime import UTC, datetime
from typing import Any, Final, Protocol

# Seconds.
_A_MINUTE: Final = 60.0
# Longer than the pauses between two tries of the worker: writes that fail among reads that succeed
# are one outage, not one for each write.
AMONG_SUCCESSES: Final = 10.0


class Log(Protocol):
    """A structured logger."""

    def warning(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...


class Outage:
    """What one process tells of one thing that is away. For any thread.

    ``serious``: whether the outage is logged as a warning, or else as information. ``every``:
    seconds from one line to the next while the outage lasts. ``quiet``: seconds without a failure
    after which a success ends the outage.
    """

    def __init__(
        self,
        event: str,
        log: Log,
        *,
        serious: bool = True,
        every: float = _A_MINUTE,
        quiet: float = 0.0,
    ) -> None:
        self._event = event
        self._log = log
        self._serious = serious
        self._every = every
        self._quiet = quiet
        self._lock = threading.Lock()
        self._begun: float | None = None
        self._since = ""
        self._logged_at = self._failed_at = 0.0
        self._well_at: float | None = None
        self._times = 0

    @property
    def lasts(self) -> bool:
        return self._begun is not None

    def failed(self, **fields: Any) -> None:
        """Count a failure. The first failure is logged, and then one a minute."""
        with self._lock:
            now = self._failed_at = time.monotonic()
            self._well_at = None
            is_first = self._begun is None
            if self._begun is None:
                self._begun, self._since, self._times = now, iso(datetime.now(UTC)), 0
            self._times += 1
            if not is_first and now - self._logged_at < self._every:
                return
            self._logged_at = now
            lasted = {} if is_first else self._lasted(now - self._begun)
            since = self._since
        # The method is looked up now: the log may have been configured since the start.
        write = self._log.warning if self._serious else self._log.info
        write(self._event, since=since, **lasted, **fields)

    def over(self, **fields: Any) -> None:
        """Something succeeded. Logs the end of the outage, if one had begun and is over by that."""
        # Asked after each success, so without the lock where nothing is wrong.
        if self._begun is None:
            return
        with self._lock:
            now = time.monotonic()
            self._well_at = self._well_at or now
            if self._begun is None or now - self._failed_at < self._quiet:
                return
            lasted = self._lasted(self._well_at - self._begun)
            since, self._begun = self._since, None
        self._log.info(f"{self._event}_over", since=since, **lasted, **fields)

    def _lasted(self, seconds: float) -> dict[str, Any]:
        return {"times": self._times, "seconds": round(seconds)}


def iso(moment: datetime) -> str:
    """``2026-01-31T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
