"""Calls to the inventory, by what became of them, and the breaker in front of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, Histogram

from order_service.application.stock.leased import OverwritingInventory
from order_service.application.stock.operations import ConditionalInventory
from order_service.domain.errors import OrderServiceError
from order_service.domain.stock import StockReading

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class InventoryMetrics:
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

    @contextmanager
    def call(self, operation: str, available: Callable[[], bool]) -> Iterator[None]:
        outcome, began = "ok", time.perf_counter()
        try:
            yield
        except OrderServiceError as error:
            outcome = error.code
            raise
        finally:
            self._seconds.labels(operation, outcome).observe(time.perf_counter() - began)
            self.seen(available())

    def seen(self, available: bool) -> bool:
        self._open.set(not available)
        return available


class MeteredOverwriting:
    """The inventory itself."""

    def __init__(self, inventory: OverwritingInventory, metrics: InventoryMetrics) -> None:
        self._inventory = inventory
        self._metrics = metrics

    def available(self) -> bool:
        return self._metrics.seen(self._inventory.available())

    def read(self, item_id: str) -> StockReading:
        with self._metrics.call("read", self._inventory.available):
            return self._inventory.read(item_id)

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        with self._metrics.call("overwrite", self._inventory.available):
            self._inventory.overwrite(item_id, stock, not_after)


class MeteredConditional:
    """The inventory itself."""

    def __init__(self, inventory: ConditionalInventory, metrics: InventoryMetrics) -> None:
        self._inventory = inventory
        self._metrics = metrics

    def available(self) -> bool:
        return self._metrics.seen(self._inventory.available())

    def deduct(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        with self._metrics.call("deduct", self._inventory.available):
            return self._inventory.deduct(item_id, quantity, operation_id)

    def restore(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        with self._metrics.call("restore", self._inventory.available):
            return self._inventory.restore(item_id, quantity, operation_id)
