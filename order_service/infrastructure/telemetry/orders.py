"""Orders, counted where they are stored: once each, whichever process finished them."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter

from order_service.domain.events import OrderEventType
from order_service.domain.marks import FailureCode
from order_service.domain.order import Order

_OUTCOMES = {
    OrderEventType.ORDER_RESERVED: "reserved",
    OrderEventType.ORDER_CREATED: "completed",
    OrderEventType.ORDER_CANCELLED: "cancelled",
    OrderEventType.ORDER_EXPIRED: "expired",
}


class OrderMetrics:
    """Hears of the repository's writes, and counts the orders that are stored."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._placed = Counter(
            "order_service_orders_placed", "Orders that were stored, PENDING.", registry=registry
        )
        self._outcomes = Counter(
            "order_service_orders",
            "Orders reserved, completed, cancelled, expired, or failed for the reason named.",
            ["outcome"],
            registry=registry,
        )
        # From 0 on, so that a rate counts the first one too.
        for outcome in (*_OUTCOMES.values(), *FailureCode):
            self._outcomes.labels(outcome)

    def wrote(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        for order in stored:
            if order.version == 0:
                self._placed.inc()
            else:
                self._count_outcomes(order)

    def _count_outcomes(self, order: Order) -> None:
        for event in order.new_events:
            failure = str(order.failure.code) if order.failure else "failed"
            self._outcomes.labels(_OUTCOMES.get(event.type, failure)).inc()
