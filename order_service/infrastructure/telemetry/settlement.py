"""Orders whose settlement failed."""

from prometheus_client import CollectorRegistry, Counter

from order_service.domain.errors import OrderServiceError
from order_service.domain.order import Order


class SettlementMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._failures = Counter(
            "order_service_settlement_failures",
            "Tries to settle an order that ended in an error; the order waits for the next pass.",
            registry=registry,
        )

    def failed(self, _: Order, __: OrderServiceError) -> None:
        self._failures.inc()
