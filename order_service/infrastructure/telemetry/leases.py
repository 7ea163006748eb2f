"""How long the items' leases are waited for."""

import threading
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from order_service.infrastructure.telemetry.buckets import CALL_SECONDS

# Whoever waits looks more often than that; who has not looked for so long gave up.
_GAVE_UP = 1.0


class LeaseMetrics:
    """Hears of each look at a lease, and of each that somebody else was faster to take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # A thread waits for one commit's leases at a time: which, since when, when it last looked.
        self._waits = threading.local()
        self._seconds = Histogram(
            "order_service_lease_wait_seconds",
            "From the first look at the leases of an order's items until they are free.",
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self._lost = Counter(
            "order_service_lease_races_lost",
            "Leases that were free, and that somebody else was faster to take.",
            registry=registry,
        )

    def looked(self, item_ids: Sequence[str], asked_at: float, held: bool) -> None:
        items = tuple(item_ids)
        began, now = self._began(items, asked_at), time.monotonic()
        if held:
            self._waits.current = (items, began, now)
        else:
            self._waits.current = None
            self._seconds.observe(now - began)

    def lost(self) -> None:
        self._lost.inc()

    def _began(self, items: tuple[str, ...], now: float) -> float:
        waiting: tuple[tuple[str, ...], float, float] | None
        waiting = getattr(self._waits, "current", None)
        if waiting is None:
            return now
        awaited, began, looked = waiting
        return began if awaited == items and now - looked < _GAVE_UP else now
