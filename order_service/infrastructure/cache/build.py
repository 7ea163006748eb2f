"""The cache of orders, made from the settings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from order_service.application.orders.ports import OrderReader
from order_service.infrastructure.cache.local import LocalOrders
from order_service.infrastructure.cache.orders import CachedOrders, Count, InvalidatingOrders
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.order_store import OrderStore
from order_service.infrastructure.sharing.changes import shared_changes
from order_service.settings import Settings

if TYPE_CHECKING:
    from order_service.infrastructure.cache.shared import SharedOrders


@dataclass(frozen=True, slots=True)
class Cache:
    """``reader`` is what orders are shown from, ``orders`` what they are decided on."""

    reader: OrderReader
    orders: OrderStore


def cache(
    settings: Settings, store: OrderStore, seal: Seal, count: Count = lambda _: None
) -> Cache:
    """``seal``: for what is kept in Redis."""
    ttl = settings.cache_ttl_seconds
    if not ttl:
        return Cache(reader=store, orders=store)
    local = LocalOrders(settings.cache_max_orders, shared_changes())
    shared = _shared(settings.redis_url, ttl, seal) if settings.redis_url else None
    return Cache(
        reader=CachedOrders(store, local, shared, ttl, count),
        orders=InvalidatingOrders(store, local, shared),
    )


def _shared(url: str, ttl: float, seal: Seal) -> "SharedOrders":
    # Here, because a process without a Redis is 6 MB smaller without its client.
    from order_service.infrastructure.cache.shared import SharedOrders

    return SharedOrders(url, ttl, seal)
