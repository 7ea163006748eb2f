"""How often a caller may write and read: by the token's subject, or else by address."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from redis import RedisError
from werkzeug.exceptions import TooManyRequests

from order_service.application.callers import Scope
from order_service.interface.http import problems
from order_service.interface.http.access import caller, scope_of_endpoints
from order_service.settings import Settings

# A counter that is down must not hold up what it counts.
_REDIS_TIMEOUTS: dict[str, str | int] = {"socket_connect_timeout": 1, "socket_timeout": 1}


def register(app: Flask, settings: Settings) -> None:
    """Call it when every route is there. Where no limit is set, nothing is counted."""
    limits = {
        "write": settings.rate_limit_of_writes,
        "read": settings.rate_limit_of_reads,
    }
    if not any(limits.values()):
        return
    limiter = Limiter(
        _who,
        app=app,
        storage_uri=_storage(settings.redis_url),
        storage_options=_REDIS_TIMEOUTS if settings.redis_url else {},
        in_memory_fallback_enabled=settings.redis_url is not None,
    )
    for endpoint, scope in scope_of_endpoints(app).items():
        kind = "write" if scope is Scope.ORDERS_WRITE else "read"
        if limit := limits[kind]:
            view: Callable[..., Any] = app.view_functions[endpoint]
            app.view_functions[endpoint] = limiter.shared_limit(limit, scope=kind)(view)
    app.register_error_handler(RateLimitExceeded, _refuse)
    app.after_request(partial(_tell, limiter))


def _storage(redis_url: str | None) -> str:
    """As the limiter spells it, which calls Redis' unix:// redis+unix://."""
    url = redis_url or "memory://"
    return f"redis+{url}" if url.startswith("unix://") else url


def _who() -> str:
    subject = caller().subject
    return f"sub:{subject}" if subject is not None else f"addr:{request.remote_addr}"


def _refuse(error: RateLimitExceeded) -> Response:
    return problems.of_http(TooManyRequests(f"No more than {error.limit.limit}.", retry_after=1))


def _tell(limiter: Limiter, response: Response) -> Response:
    """The limiter's own headers say when by the clock, and Retry-After on every answer."""
    current = limiter.current_limit
    if current is None:
        return response
    with suppress(RedisError):
        seconds = max(1, int(current.reset_at - time.time()))
        response.headers["RateLimit-Limit"] = str(current.limit.amount)
        response.headers["RateLimit-Remaining"] = str(current.remaining)
        response.headers["RateLimit-Reset"] = str(seconds)
        if current.breached:
            response.headers["Retry-After"] = str(seconds)
    return response
