"""Orders by id, kept for a few seconds in front of the store.

Nothing served is older than the time to live, counted from before the store was read. Writes end
it sooner: at once for every process of the same gunicorn, and in Redis. Only in the memory of
processes elsewhere can an order be seen as it was for the rest of that time. Orders that still wait
for their stock are not kept, so that whoever polls one sees at once that it is settled.
"""

from collections.abc import Callable, Sequence
from time import monotonic

from order_service.application.orders.ports import OrderReader
from order_service.domain.order import Order
from order_service.infrastructure.cache.local import LocalOrders
from order_service.infrastructure.cache.shared import SharedOrders

Count = Callable[[str], None]


class CachedOrders:
    """An OrderReader. ``count`` is told ``local``, ``shared`` or ``store`` for each order read."""

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

    def _from_shared(self, shared: "SharedOrders", order_id: str, mark: int) -> Order | None:
        began = monotonic()
        looked = shared.look(order_id)
        if looked is None:
            return self._from_store(order_id, mark)
        if looked.order is not None:
            self._count("shared")
            self._local.put(looked.order, mark, began + looked.seconds_left)
            return looked.order
        order = self._from_store(order_id, mark)
        if order is not None and order.phase.is_settled:
            shared.put(order, looked.fill_until)
        return order

    def _from_store(self, order_id: str, mark: int) -> Order | None:
        self._count("store")
        began = monotonic()
        order = self._store.get(order_id)
        if order is not None and order.phase.is_settled:
            self._local.put(order, mark, began + self._ttl)
        return order


class CacheInvalidation:
    """Hears of the repository's writes, and ends what is cached of the orders written."""

    def __init__(self, local: LocalOrders, shared: SharedOrders | None) -> None:
        self._local = local
        self._shared = shared

    def wrote(self, tried: Sequence[Order], stored: Sequence[Order]) -> None:
        """Whether the write worked, lost a race or was not answered: each order of ``tried`` may
        be at its next version."""
        # An order's first version is pending, which is never cached: most writes end nothing.
        versions = [(order.id, order.version + 1) for order in tried if order.version > 1]
        for order_id, _ in versions:
            self._local.wrote(order_id)
        if self._shared is not None and versions:
            self._shared.wrote(versions)
