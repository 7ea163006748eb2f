"""Orders in a Redis that all API processes share. It may be down, slow or full: then it is left
alone for a while, and orders come from the store.

An entry is ``<version>:<the order>``, and after a write ``<version>:``. The second form keeps a
reader that was slow from putting back what it had read before the write.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from circuitbreaker import CircuitBreaker
from pydantic import TypeAdapter, ValidationError
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from order_service.domain.order import Order

# A read of the store takes about a hundredth of it.
_PATIENCE: Final = 0.05
_FAILURES: Final = 3
_LEFT_ALONE: Final = 5.0
# The number is that of the entry's form: releases that differ in it don't read each other's.
_KEY: Final = "order-service:order:1:"
_PUT_UNLESS_OLDER: Final = """
local held = redis.call('GET', KEYS[1])
if held and tonumber(string.match(held, '^%d+')) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], ARGV[3], ARGV[4])
return 1
"""
_ORDER: Final = TypeAdapter(Order)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Looked:
    """``order``: None when it is not there; ``seconds_left``: how long it is good for;
    ``fill_until``: by Redis' clock, in ms, how long what is read from the store now would be."""

    order: Order | None
    seconds_left: float
    fill_until: int


class SharedOrders:
    """``ttl``: seconds. Raises nothing."""

    def __init__(self, url: str, ttl: float) -> None:
        self._ttl_ms = max(1, int(ttl * 1000))
        self._redis: Any = Redis.from_url(
            url,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        self._breaker = CircuitBreaker(_FAILURES, _LEFT_ALONE, RedisError)

    def look(self, order_id: str) -> Looked | None:
        """None when Redis can't be asked."""
        return self._guarded(lambda: self._look(_KEY + order_id))

    def put(self, order: Order, fill_until: int) -> None:
        """Ends by Redis' own clock, so that a command which was held up on the way does not make
        an old state last longer."""
        body = _ORDER.dump_json(order)
        self._guarded(
            lambda: self._put(self._redis, order.id, order.version, body, "PXAT", fill_until)
        )

    def wrote(self, versions: Sequence[tuple[str, int]]) -> None:
        """Those orders are at least at those versions."""

        def mark() -> None:
            with self._redis.pipeline(transaction=False) as batch:
                for order_id, version in versions:
                    self._put(batch, order_id, version, b"", "PX", self._ttl_ms)
                batch.execute()

        self._guarded(mark)

    def _put(
        self, redis: Any, order_id: str, version: int, body: bytes, unit: str, end: int
    ) -> None:
        redis.eval(_PUT_UNLESS_OLDER, 1, _KEY + order_id, version, body, unit, end)

    def _look(self, key: str) -> Looked:
        with self._redis.pipeline(transaction=True) as ask:
            entry, milliseconds, (seconds, microseconds) = ask.get(key).pttl(key).time().execute()
        now = seconds * 1000 + microseconds // 1000
        return Looked(_order(entry), milliseconds / 1000, now + self._ttl_ms)

    def _guarded(self, use: Callable[[], T]) -> T | None:
        if self._breaker.opened:
            return None
        try:
            found: T = self._breaker.call(use)
        except RedisError:
            return None
        return found


def _order(entry: bytes | None) -> Order | None:
    body = entry.partition(b":")[2] if entry else b""
    try:
        return _ORDER.validate_json(body) if body else None
    except ValidationError:
        return None
