"""Orders in this process's memory."""

import threading
from dataclasses import dataclass
from time import monotonic

from cachetools import TLRUCache

from order_service.domain.order import Order
from order_service.infrastructure.sharing.changes import Changes


@dataclass(frozen=True, slots=True)
class _Entry:
    order: Order
    mark: int
    good_until: float


class LocalOrders:
    """At most ``size`` orders; the least recently read order goes first."""

    def __init__(self, size: int, changes: Changes) -> None:
        self._changes = changes
        self._lock = threading.Lock()
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            size, ttu=lambda _, entry, __: entry.good_until, timer=monotonic
        )

    def mark(self, order_id: str) -> int:
        """Take the mark before the order is read from the store."""
        return self._changes.mark(order_id)

    def get(self, order_id: str) -> Order | None:
        with self._lock:
            entry = self._entries.get(order_id)
        if entry is None or entry.mark != self._changes.mark(order_id):
            return None
        return entry.order

    def put(self, order: Order, mark: int, good_until: float) -> None:
        """``good_until``: monotonic seconds."""
        with self._lock:
            self._entries[order.id] = _Entry(order, mark, good_until)

    def wrote(self, order_id: str) -> None:
        """No state of the order read before is used again, in any process of this gunicorn."""
        self._changes.wrote(order_id)
