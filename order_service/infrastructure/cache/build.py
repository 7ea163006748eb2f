"""The cache of orders, made from the settings."""

from dataclasses import dataclass

from order_service.application.ports import OrderReader, OrderRepository
from order_service.infrastructure.cache.changes import shared_changes
from order_service.infrastructure.cache.local import LocalOrders
from order_service.infrastructure.cache.orders import CachedOrders, Count, InvalidatingOrders
from order_service.infrastructure.cache.shared import SharedOrders
from order_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Cache:
    """``reader`` is what orders are shown from, ``orders`` what they are decided on."""

    reader: OrderReader
    orders: OrderRepository


def cache(settings: Settings, store: OrderRepository, count: Count = lambda _: None) -> Cache:
    ttl = settings.cache_ttl_seconds
    if not ttl:
        return Cache(reader=store, orders=store)
    local = LocalOrders(settings.cache_max_orders, shared_changes())
    shared = SharedOrders(settings.redis_url, ttl) if settings.redis_url else None
    return Cache(
        reader=CachedOrders(store, local, shared, ttl, count),
        orders=InvalidatingOrders(store, local, shared),
    )
