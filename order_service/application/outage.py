"""Log an outage: a line when it begins, one a minute while it lasts, and one when it ends."""

import threading
import time
from datetime import UTC, datetime
from typing import Any, Final, Protocol

_EVERY: Final = 60.0


class Log(Protocol):
    """A structured logger."""

    def warning(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...


class Outage:
    """``serious``: whether the outage is logged as a warning, or else as information."""

    def __init__(self, event: str, log: Log, *, serious: bool = True) -> None:
        self._event = event
        self._log = log
        self._serious = serious
        self._lock = threading.Lock()
        self._begun: float | None = None
        self._logged_at = 0.0
        self._times = 0

    def failed(self, **fields: Any) -> None:
        """Count a failure. The first failure is logged, and then one every 60 s."""
        with self._lock:
            now = time.monotonic()
            if self._begun is None:
                self._begun, self._times = now, 0
            elif now - self._logged_at < _EVERY:
                self._times += 1
                return
            self._times += 1
            self._logged_at = now
            lasted = {"times": self._times, "seconds": round(now - self._begun)}
        # The method is looked up now: the log may have been configured since the start.
        write = self._log.warning if self._serious else self._log.info
        write(self._event, **(lasted if lasted["times"] > 1 else {}), **fields)

    def over(self, **fields: Any) -> None:
        """Log the end of the outage, if one had begun."""
        with self._lock:
            if self._begun is None:
                return
            lasted = {"times": self._times, "seconds": round(time.monotonic() - self._begun)}
            self._begun = None
        self._log.info(f"{self._event}_over", **lasted, **fields)


def iso(moment: datetime) -> str:
    """``2026-01-31T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
