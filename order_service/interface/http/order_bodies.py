"""Headers and bodies of answers that show an order. Each body is written once."""

import threading
from typing import Final

from cachetools import LRUCache
from flask import Response

from order_service.domain.order import Order
from order_service.interface.http.answers import OrderAnswer

_KEPT_BYTES: Final = 1 << 20


def order_headers(order: Order) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("ETag", f'"{order.version}"'),
        ("Cache-Control", "private, no-cache"),
    ]


def shown(order: Order, status: int) -> Response:
    return answer(order, OrderAnswer.of(order).body(), status)


def answer(order: Order, body: bytes, status: int) -> Response:
    return Response(body, status, order_headers(order))


class OrderBodies:
    """Keeps bodies by id and version: each save makes a new version, so no body changes. Those
    kept are 1 MiB in all, as a body may be of 300 bytes or of 80,000."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: LRUCache[tuple[str, int], bytes] = LRUCache(_KEPT_BYTES, len)

    def of(self, order: Order) -> bytes:
        key = order.id, order.version
        with self._lock:
            body = self._bodies.get(key)
        if body is None:
            body = OrderAnswer.of(order).body()
            with self._lock:
                self._bodies[key] = body
        return body
