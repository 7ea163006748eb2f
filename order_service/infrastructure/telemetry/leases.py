"""How long the items' leases are waited for."""

import threading
import time

from prometheus_client import CollectorRegistry, Counter, Histogram

from order_service.application.stock.lease import Lease, LeaseStore
from order_service.domain.order import Intent

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Whoever waits looks more often than that; who has not looked for so long gave up.
_GAVE_UP = 1.0


class MeteredLeases:
    """The store of leases itself."""

    def __init__(self, store: LeaseStore, registry: CollectorRegistry) -> None:
        self._store = store
        # A thread waits for one lease at a time: which one, since when, and when it last looked.
        self._waits = threading.local()
        self._seconds = Histogram(
            "order_service_lease_wait_seconds",
            "From the first look at an item's lease until it is free.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._lost = Counter(
            "order_service_lease_races_lost",
            "Leases that were free, and that somebody else was faster to take.",
            registry=registry,
        )

    def look(self, item_id: str) -> Lease:
        began = self._began(item_id, time.monotonic())
        lease = self._store.look(item_id)
        now = time.monotonic()
        if lease.held:
            self._waits.current = (item_id, began, now)
        else:
            self._waits.current = None
            self._seconds.observe(now - began)
        return lease

    def acquire(self, seen: Lease, intent: Intent | None) -> Lease | None:
        lease = self._store.acquire(seen, intent)
        if lease is None:
            self._lost.inc()
        return lease

    def clear(self, lease: Lease) -> bool:
        return self._store.clear(lease)

    def release(self, lease: Lease) -> None:
        self._store.release(lease)

    def _began(self, item_id: str, now: float) -> float:
        waiting: tuple[str, float, float] | None = getattr(self._waits, "current", None)
        if waiting is None:
            return now
        item, began, looked = waiting
        return began if item == item_id and now - looked < _GAVE_UP else now
