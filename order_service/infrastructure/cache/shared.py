"""Orders in a Redis that all API processes share. If Redis is down, slow, full, or written to by
strangers, orders come from the store.

An entry is ``<version>:<the order, sealed>``, and after a write ``<version>:``. The second form
keeps a slow reader from putting back a state that it read before the write.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from circuitbreaker import CircuitBreaker
from pydantic import TypeAdapter, ValidationError

from order_service.application.outage import Outage
from order_service.domain.order import Order
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.outgoing.causes import cause_of

# About a hundred reads of the store.
_PATIENCE: Final = 0.05
_FAILURES: Final = 3
_LEFT_ALONE: Final = 5.0
# Bytes of an entry. A larger order is left to the store.
_LONGEST: Final = 65_536
# Without the version, of up to 18 digits, and the colon.
_LONGEST_SEALED: Final = _LONGEST - 19
_REPLIES: Final = 2 * _LONGEST
# 3 is the version of the entry's form: releases with other forms use other keys.
_KEY: Final = "order-service:order:3:"
_PUT_UNLESS_OLDER: Final = """
local held = redis.call('GETRANGE', KEYS[1], 0, 19)
local version = tonumber(string.match(held, '^%d+') or '')
if version and version > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], ARGV[3], ARGV[4])
return 1
"""
_ENTRY: Final = re.compile(rb"(\d{1,18}):(.+)", re.DOTALL)

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """``order``: None when Redis has none; ``seconds_left``: how long ``order`` is good;
    ``fill_until``: until when an order read from the store now is good, in ms by Redis' clock."""

    order: Order | None
    seconds_left: float
    fill_until: int


class SharedOrders:
    """``ttl``: seconds. Raises nothing."""

    def __init__(self, url: str, ttl: float, seal: Seal) -> None:
        # Here, with the form below: a process without a Redis starts sooner, and is smaller.
        from order_service.infrastructure.cache.redis_client import bounded_client

        self._ttl_ms = max(1, int(ttl * 1000))
        self._seal = seal
        self._form = TypeAdapter(Order)
        self._redis = bounded_client(url, _PATIENCE, _REPLIES)
        self._breaker = CircuitBreaker(_FAILURES, _LEFT_ALONE, Exception)
        self._outage = Outage("redis_unavailable", log, shared=True)

    def look(self, order_id: str) -> Looked | None:
        """None when Redis can't be asked."""
        return self._guarded(lambda: self._look(order_id))

    def put(self, order: Order, fill_until: int) -> None:
        """The entry ends by Redis' own clock: a command that was held up on its way makes no old
        state last longer."""

        def put() -> None:
            body = self._form.dump_json(order)
            sealed = self._seal.close(order.id, order.version, fill_until, body)
            if len(sealed) <= _LONGEST_SEALED:
                self._put(self._redis, order.id, order.version, sealed, "PXAT", fill_until)

        self._guarded(put)

    def wrote(self, versions: Sequence[tuple[str, int]]) -> None:
        """Each order is at its version or a later one."""

        def mark() -> None:
            with self._redis.pipeline(transaction=False) as batch:
                for order_id, version in versions:
                    self._put(batch, order_id, version, b"", "PX", self._ttl_ms)
                batch.execute()

        self._guarded(mark)

    def _put(
        self, redis: Any, order_id: str, version: int, sealed: bytes, unit: str, end: int
    ) -> None:
        redis.eval(_PUT_UNLESS_OLDER, 1, _KEY + order_id, version, sealed, unit, end)

    def _look(self, order_id: str) -> Looked:
        with self._redis.pipeline(transaction=False) as ask:
            key = _KEY + order_id
            found, (seconds, microseconds) = ask.getrange(key, 0, _LONGEST - 1).time().execute()
        now = seconds * 1000 + microseconds // 1000
        entry = _ENTRY.fullmatch(found)
        opened = entry and self._seal.open(order_id, int(entry[1]), entry[2])
        if not opened or opened.until <= now:
            return Looked(None, 0, now + self._ttl_ms)
        left = min(opened.until - now, self._ttl_ms)
        return Looked(self._order(opened.body), left / 1000, now + self._ttl_ms)

    def _order(self, body: bytes) -> Order | None:
        try:
            return self._form.validate_json(body)
        except ValidationError:
            # Sealed, so it is ours; in the form of another release.
            return None

    def _guarded(self, use: Callable[[], T]) -> T | None:
        if self._breaker.opened:
            return None
        try:
            with self._breaker:
                found = use()
        except Exception as error:  # noqa: BLE001  (any error of the cache costs speed alone)
            # One late answer is no outage.
            if self._breaker.opened:
                self._outage.failed(cause=cause_of(error))
            return None
        self._outage.over()
        return found
