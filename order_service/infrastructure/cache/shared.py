"""Orders in a Redis that all API processes share. It may be down, slow, full, or written to by
others: then orders come from the store.

An entry is ``<version>:<the order, sealed>``, and after a write ``<version>:``. The second form
keeps a reader that was slow from putting back what it had read before the write.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from circuitbreaker import CircuitBreaker
from pydantic import TypeAdapter, ValidationError

from order_service.domain.order import Order
from order_service.infrastructure.cache.redis_client import bounded_client
from order_service.infrastructure.cache.seal import Seal

# A read of the store takes about a hundredth of it.
_PATIENCE: Final = 0.05
_FAILURES: Final = 3
_LEFT_ALONE: Final = 5.0
_LONGEST: Final = 65_536
_REPLIES: Final = 2 * _LONGEST
# The number is that of the entry's form: releases that differ in it don't read each other's.
_KEY: Final = "order-service:order:2:"
_PUT_UNLESS_OLDER: Final = """
local held = redis.call('GETRANGE', KEYS[1], 0, 19)
local version = tonumber(string.match(held, '^%d+') or '')
if version and version > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], ARGV[3], ARGV[4])
return 1
"""
_ENTRY: Final = re.compile(rb"(\d{1,18}):(.+)", re.DOTALL)
_ORDER: Final = TypeAdapter(Order)

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """``order``: None when it is not there; ``seconds_left``: how long it is good for;
    ``fill_until``: by Redis' clock, in ms, how long what is read from the store now would be."""

    order: Order | None
    seconds_left: float
    fill_until: int


class SharedOrders:
    """``ttl``: seconds. Raises nothing."""

    def __init__(self, url: str, ttl: float, seal: Seal) -> None:
        self._ttl_ms = max(1, int(ttl * 1000))
        self._seal = seal
        self._redis = bounded_client(url, _PATIENCE, _REPLIES)
        self._breaker = CircuitBreaker(_FAILURES, _LEFT_ALONE, Exception)

    def look(self, order_id: str) -> Looked | None:
        """None when Redis can't be asked."""
        return self._guarded(lambda: self._look(order_id))

    def put(self, order: Order, fill_until: int) -> None:
        """Ends by Redis' own clock, so that a command which was held up on the way does not make
        an old state last longer."""

        def put() -> None:
            body = _ORDER.dump_json(order)
            sealed = self._seal.close(order.id, order.version, fill_until, body)
            if len(sealed) < _LONGEST:
                self._put(self._redis, order.id, order.version, sealed, "PXAT", fill_until)

        self._guarded(put)

    def wrote(self, versions: Sequence[tuple[str, int]]) -> None:
        """Those orders are at least at those versions."""

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
            found, (seconds, microseconds) = ask.getrange(key, 0, _LONGEST).time().execute()
        now = seconds * 1000 + microseconds // 1000
        entry = _ENTRY.fullmatch(found)
        opened = entry and self._seal.open(order_id, int(entry[1]), entry[2])
        if not opened or opened.until <= now:
            return Looked(None, 0, now + self._ttl_ms)
        left = min(opened.until - now, self._ttl_ms)
        return Looked(_order(opened.body), left / 1000, now + self._ttl_ms)

    def _guarded(self, use: Callable[[], T]) -> T | None:
        if self._breaker.opened:
            return None
        try:
            with self._breaker:
                return use()
        except Exception as error:  # noqa: BLE001  (whatever is there, it costs speed alone)
            if self._breaker.opened:
                log.warning("redis_left_alone", seconds=_LEFT_ALONE, error=type(error).__name__)
            return None


def _order(body: bytes) -> Order | None:
    try:
        return _ORDER.validate_json(body)
    except ValidationError:
        # Another release's: it is ours, for it was sealed.
        return None
