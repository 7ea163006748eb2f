"""Calls to the inventory, by what became of them, and the breaker in front of it."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class InventoryMetrics:
    """Hears of the calls of either contract, and of the breaker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "order_service_inventory_call_seconds",
            "Calls to the inventory; the outcome is ok, or the code of the error.",
            ["operation", "outcome"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._open = Gauge(
            "order_service_inventory_breaker_open",
            "Processes that leave the inventory alone, as each last saw it.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def called(self, operation: str, outcome: str, seconds: float, available: bool) -> None:
        self._seconds.labels(operation, outcome).observe(seconds)
        self.saw(available)

    def saw(self, available: bool) -> None:
        self._open.set(not available)
