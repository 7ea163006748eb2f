"""How often a caller may write and read. A caller is a token's subject, or else an address."""

import time
from functools import partial

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from werkzeug.exceptions import TooManyRequests

from order_service.interface.http import problems
from order_service.interface.http.access import View, caller
from order_service.interface.http.routes import Route
from order_service.settings import Settings

# A Redis that is down must not hold up the requests that it counts.
_REDIS_TIMEOUTS: dict[str, str | int] = {"socket_connect_timeout": 1, "socket_timeout": 1}


class Limits:
    """Where no limit is set, nothing is counted."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._writes, self._reads = settings.rate_limit_of_writes, settings.rate_limit_of_reads
        self._limiter = _limiter(app, settings.redis_url) if self._writes or self._reads else None

    def counted(self, view: View, route: Route) -> View:
        """The route's view, which refuses callers who come too often. ``caller`` must be known."""
        is_write = route.method == "post"
        limit = self._writes if is_write else self._reads
        if route.scope is None or limit is None or self._limiter is None:
            return view
        kind = "write" if is_write else "read"
        return self._limiter.shared_limit(limit, scope=kind)(view)


def _limiter(app: Flask, redis_url: str | None) -> Limiter:
    limiter = Limiter(
        _counted_caller,
        app=app,
        storage_uri=_storage(redis_url),
        storage_options=_REDIS_TIMEOUTS if redis_url else {},
        in_memory_fallback_enabled=redis_url is not None,
    )
    app.register_error_handler(RateLimitExceeded, _refuse)
    app.after_request(partial(_add_headers, limiter))
    return limiter


def _storage(redis_url: str | None) -> str:
    """The URL as the limiter spells it: Redis' unix:// is the limiter's redis+unix://."""
    url = redis_url or "memory://"
    return f"redis+{url}" if url.startswith("unix://") else url


def _counted_caller() -> str:
    subject = caller().subject
    return f"sub:{subject}" if subject is not None else f"addr:{request.remote_addr}"


def _refuse(error: RateLimitExceeded) -> Response:
    return problems.of_http(TooManyRequests(f"No more than {error.limit.limit}.", retry_after=1))


def _add_headers(limiter: Limiter, response: Response) -> Response:
    """The limiter's own headers would give clock times, and Retry-After on every answer."""
    current = limiter.current_limit
    if current is None:
        return response
    try:
        seconds, remaining = max(1, int(current.reset_at - time.time())), current.remaining
    except limiter.storage.base_exceptions:
        return response
    response.headers["RateLimit-Limit"] = str(current.limit.amount)
    response.headers["RateLimit-Remaining"] = str(remaining)
    response.headers["RateLimit-Reset"] = str(seconds)
    if current.breached:
        response.headers["Retry-After"] = str(seconds)
    return response
