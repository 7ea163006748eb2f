"""The cache of orders, made from the settings."""

from collections.abc import Sequence

from order_service.application.orders.ports import OrderReader
from order_service.infrastructure.cache.local import LocalOrders
from order_service.infrastructure.cache.orders import CachedOrders, CacheInvalidation, Count
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.cache.shared import SharedOrders
from order_service.infrastructure.sharing.changes import Changes
from order_service.settings import Settings


class OrderCache:
    """``changes``: shared with the other processes; ``seal``: for the entries in Redis.
    ``listeners`` have to hear of every write of the store; without a cache there are none."""

    def __init__(self, settings: Settings, changes: Changes, seal: Seal) -> None:
        self._ttl = settings.cache_ttl_seconds
        self._local = LocalOrders(settings.cache_max_orders, changes)
        self._shared = _shared(settings, seal)
        invalidation = CacheInvalidation(self._local, self._shared)
        self.listeners: Sequence[CacheInvalidation] = [invalidation] if self._ttl else []

    def reader(self, store: OrderReader, count: Count = lambda _: None) -> OrderReader:
        """The reader that answers requests; without a cache the store itself."""
        if not self._ttl:
            return store
        return CachedOrders(store, self._local, self._shared, self._ttl, count)


def _shared(settings: Settings, seal: Seal) -> SharedOrders | None:
    if not (settings.redis_url and settings.cache_ttl_seconds):
        return None
    return SharedOrders(settings.redis_url, settings.cache_ttl_seconds, seal)
