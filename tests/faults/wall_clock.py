"""Setting this process's wall clock off, as far as Python code can see it."""

import datetime
import sys
import time


def set_off(seconds: float) -> None:
    """From here on ``time.time``, and every ``datetime`` that order_service has imported, are that
    far ahead. Monotonic time goes on as it was, as it does when a real clock is set."""
    true_time, true_time_ns = time.time, time.time_ns
    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_time_ns() + int(seconds * 1e9)

    class Off(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Off":
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> "Off":
            return cls.now(datetime.UTC).replace(tzinfo=None)

    for name, module in list(sys.modules.items()):
        known = getattr(module, "datetime", None)
        if name.startswith("order_service.") and known is datetime.datetime:
            module.datetime = Off  # type: ignore[attr-defined]
