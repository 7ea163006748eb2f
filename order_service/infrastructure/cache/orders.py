"""Orders by id, kept for a few seconds in front of the store.

No order served is older than the time to live, counted from before the store was read. A write ends
an order's entry at once in Redis and in every process of the same gunicorn. Processes elsewhere may
serve the old state from memory until the time to live is over. Orders that wait for their stock, or
to be confirmed, are not kept: a client polls those, and most are ended by the worker, which is
always elsewhere. So a client sees a settlement at once, and no held order after its expiry.
"""

from collections.abc import Callable, Sequence
from time import monotonic

from order_service.application.orders.ports import OrderReader
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase
from order_service.infrastructure.cache.local import LocalOrders
from order_service.infrastructure.cache.shared import SharedOrders

Count = Callable[[str], None]


class CachedOrders:
    """An OrderReader. Each read calls ``count`` with ``local``, ``shared`` or ``store``."""

    def __init__(
        self,
        store: OrderReader,
        local: LocalOrders,
        shared: SharedOrders | None,
        ttl: float,
        count: Count,
    ) -> None:
        self._store = store
        self._local = local
        self._shared = shared
        self._ttl = ttl
        self._count = count

    def get(self, order_id: str) -> Order | None:
        order = self._local.get(order_id)
        if order is not None:
            self._count("local")
            return order
        mark = self._local.mark(order_id)
        if self._shared is None:
            return self._from_store(order_id, mark)
        return self._from_shared(self._shared, order_id, mark)

    def _from_shared(self, shared: SharedOrders, order_id: str, mark: int) -> Order | None:
        began = monotonic()
        looked = shared.look(order_id)
        if looked is None:
            return self._from_store(order_id, mark)
        if looked.order is not None:
            self._count("shared")
            self._local.put(looked.order, mark, began + looked.seconds_left)
            return looked.order
        order = self._from_store(order_id, mark)
        if order is not None and _is_kept(order):
            shared.put(order, looked.fill_until)
        return order

    def _from_store(self, order_id: str, mark: int) -> Order | None:
        self._count("store")
        began = monotonic()
        order = self._store.get(order_id)
        if order is not None and _is_kept(order):
            self._local.put(order, mark, began + self._ttl)
        return order


def _is_kept(order: Order) -> bool:
    return order.phase.is_settled and order.phase is not OrderPhase.HELD


class CacheInvalidation:
    """Hears of the repository's writes, and ends the written orders' entries."""

    def __init__(self, local: LocalOrders, shared: SharedOrders | None) -> None:
        self._local = local
        self._shared = shared

    def wrote(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        """Each order of ``tried`` may be at its next version, even if the write lost a race or was
        not answered."""
        # An order's first version is pending and never cached, so most writes end no entry.
        versions = [(order.id, order.version + 1) for order in tried if order.version > 1]
        for order_id, _ in versions:
            self._local.wrote(order_id)
        if self._shared is not None and versions:
            self._shared.wrote(versions)
