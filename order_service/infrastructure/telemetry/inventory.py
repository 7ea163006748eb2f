"""Calls to the inventory, by what became of them, and the breaker in front of it."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

from order_service.infrastructure.telemetry.buckets import CALL_SECONDS


class InventoryMetrics:
    """Hears of the calls of either contract, and of the breaker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "order_service_inventory_call_seconds",
            "Calls to the inventory; the outcome is ok, or the code of the error.",
            ["operation", "outcome"],
            buckets=CALL_SECONDS,
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
