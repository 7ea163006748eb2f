"""Time, as every use case reads it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """``now``: the store's time, so that no process's own clock decides anything (UTC, ms)."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float:
        """Seconds, for elapsed time within this process only."""
        ...

    def sleep(self, seconds: float) -> None: ...
