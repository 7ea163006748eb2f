"""What this process's own metrics tell for the samples."""

from collections import defaultdict
from itertools import pairwise
from typing import Final

from prometheus_client import CollectorRegistry

from order_service.application.overview.samples import Counted
from order_service.infrastructure.telemetry.registry import counted_here

_ORDERS: Final = "order_service_orders_total"
_REQUESTS: Final = "order_service_http_request_seconds_bucket"
_CREATES: Final = frozenset({"/api/orders", "/api/orders/create"})


def counted(registry: CollectorRegistry) -> Counted:
    """``registry``: the process's own. All that is told in its place by now, so with what another
    process counted there before."""
    orders: dict[str, int] = defaultdict(int)
    up_to: dict[float, int] = defaultdict(int)
    for name, labels, number in counted_here(registry, (_ORDERS, _REQUESTS)):
        if name == _ORDERS:
            orders[labels["outcome"]] += int(number)
        elif name == _REQUESTS and labels["method"] == "POST" and labels["route"] in _CREATES:
            up_to[float(labels["le"])] += int(number)
    return Counted(dict(orders), _each_in_one_bucket(up_to))


def _each_in_one_bucket(up_to: dict[float, int]) -> dict[float, int]:
    """Prometheus counts what is in a bucket in every bucket above it as well."""
    below = [(0.0, 0), *sorted(up_to.items())]
    return {bound: number - before for (_, before), (bound, number) in pairwise(below)}
