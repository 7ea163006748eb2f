"""Orders, counted where they are stored: once each, whichever process finished them."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter

from order_service.domain.errors import StoreUnavailable
from order_service.domain.events import OrderEventType
from order_service.domain.order import Order
from order_service.infrastructure.order_store import OrderStore

_OUTCOMES = {
    OrderEventType.ORDER_CREATED: "completed",
    OrderEventType.ORDER_CANCELLED: "cancelled",
}


class MeteredOrders:
    """The repository itself."""

    def __init__(self, store: OrderStore, registry: CollectorRegistry) -> None:
        self._store = store
        self._placed = Counter(
            "order_service_orders_placed", "Orders that were stored, PENDING.", registry=registry
        )
        self._outcomes = Counter(
            "order_service_orders",
            "Orders that were completed, cancelled, or failed for the reason named.",
            ["outcome"],
            registry=registry,
        )

    def next_id(self) -> str:
        return self._store.next_id()

    def add(self, order: Order) -> Order:
        added = self._store.add(order)
        self._placed.inc()
        return added

    def get(self, order_id: str) -> Order | None:
        return self._store.get(order_id)

    def get_many(self, order_ids: Sequence[str]) -> list[Order]:
        return self._store.get_many(order_ids)

    def save(self, order: Order) -> Order:
        saved = self._store.save(order)
        self._count([order])
        return saved

    def save_all(self, orders: Sequence[Order]) -> bool:
        if self._store.save_all(orders):
            self._count(orders)
            return True
        with suppress(StoreUnavailable):
            stored = {order.id: order for order in self._store.get_many([o.id for o in orders])}
            # Those that won their race are as they were saved.
            self._count(order for order in orders if stored.get(order.id) == order.saved())
        return False

    def forget_key(self, order_id: str) -> None:
        self._store.forget_key(order_id)

    def unsettled(self, before: datetime, limit: int, after: Sequence[Order] = ()) -> list[Order]:
        return self._store.unsettled(before, limit, after)

    def stuck(self, limit: int) -> list[Order]:
        return self._store.stuck(limit)

    def _count(self, orders: Iterable[Order]) -> None:
        for order in orders:
            for event in order.new_events:
                failure = str(order.failure.code) if order.failure else "failed"
                self._outcomes.labels(_OUTCOMES.get(event.type, failure)).inc()
