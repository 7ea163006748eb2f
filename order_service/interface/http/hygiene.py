"""What every request gets: an id, a line in the log, headers that keep browsers careful."""

import re
import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from order_service.http_settings import HttpSettings

MAX_BODY = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Where an answer says nothing else. The API's answers are data, and no page at all.
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
_ONE_YEAR = "max-age=31536000"

_CORS_EXPOSED = "ETag, Idempotent-Replayed, Link, Location, Retry-After, X-Request-Id"
_CORS_SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"

_log = structlog.get_logger()


def register(app: Flask, settings: HttpSettings) -> None:
    """Call it first, so that what refuses a request later is logged as well."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(_begin)
    app.after_request(_end)
    if settings.cors_origins:
        _allow(app, frozenset(settings.cors_origins))
    if hops := settings.trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)
        app.wsgi_app = proxied  # type: ignore[method-assign]


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.request_id
    for name, value in _HEADERS:
        headers.setdefault(name, value)
    if request.is_secure:
        headers["Strict-Transport-Security"] = _ONE_YEAR
    _log.info(
        "request",
        method=request.method,
        # The template: a path could hold anything.
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round((time.perf_counter() - g.began) * 1000, 1),
    )
    structlog.contextvars.clear_contextvars()
    return response


def _allow(app: Flask, origins: frozenset[str]) -> None:
    """Cross-origin requests from these; without cookies, which the API has no use for."""

    def add_headers(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _CORS_EXPOSED
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
            headers["Access-Control-Allow-Headers"] = _CORS_SENT
            headers["Access-Control-Max-Age"] = "600"
        return response

    app.after_request(add_headers)
