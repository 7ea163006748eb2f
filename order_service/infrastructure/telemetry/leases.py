"""How long the items' leases are waited for."""

import threading
import time

from prometheus_client import CollectorRegistry, Counter, Histogram

from order_service.infrastructure.telemetry.buckets import CALL_SECONDS

# Whoever waits looks more often than that; who has not looked for so long gave up.
_GAVE_UP = 1.0


class LeaseMetrics:
    """Hears of each look at a lease, and of each that somebody else was faster to take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # A thread waits for one lease at a time: which one, since when, and when it last looked.
        self._waits = threading.local()
        self._seconds = Histogram(
            "order_service_lease_wait_seconds",
            "From the first look at an item's lease until it is free.",
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self._lost = Counter(
            "order_service_lease_races_lost",
            "Leases that were free, and that somebody else was faster to take.",
            registry=registry,
        )

    def looked(self, item_id: str, asked_at: float, held: bool) -> None:
        began, now = self._began(item_id, asked_at), time.monotonic()
        if held:
            self._waits.current = (item_id, began, now)
        else:
            self._waits.current = None
            self._seconds.observe(now - began)

    def lost(self) -> None:
        self._lost.inc()

    def _began(self, item_id: str, now: float) -> float:
        waiting: tuple[str, float, float] | None = getattr(self._waits, "current", None)
        if waiting is None:
            return now
        item, began, looked = waiting
        return began if item == item_id and now - looked < _GAVE_UP else now
