"""What orders are answered with: their headers, and their bodies, which are written once."""

import threading
from typing import Final

from cachetools import LRUCache

from order_service.domain.order import Order
from order_service.interface.http.answers import OrderAnswer

_KEPT: Final = 1024


def order_headers(order: Order) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("ETag", f'"{order.version}"'),
        ("Cache-Control", "private, no-cache"),
    ]


class OrderBodies:
    """Each save makes a new version, so an id and a version stand for one body, for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: LRUCache[tuple[str, int], bytes] = LRUCache(_KEPT)

    def of(self, order: Order) -> bytes:
        key = order.id, order.version
        with self._lock:
            body = self._bodies.get(key)
        if body is None:
            body = OrderAnswer.of(order).body()
            with self._lock:
                self._bodies[key] = body
        return body
