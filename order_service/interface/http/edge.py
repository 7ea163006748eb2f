"""Give every request, whatever its outcome, an id, a line in the log, a place in the metrics and
headers that keep browsers careful, and count the request while it is in flight.

``Edge`` wraps the Flask application. Hooks within Flask took three times the CPU for the same work:
half of what a cached order costs.
"""

import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog

from order_service.interface.http.stopping import Stopping

# Method, route and status of a request, and the seconds that it took.
Observe = Callable[[str, str | None, int, float], None]
# The answer to an error that nobody else has answered.
LastResort = Callable[[Exception], WSGIApplication]
_Headers = list[tuple[str, str]]

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ALWAYS: Final = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
# Where an answer has no such header of its own. The API's answers are data, not pages.
_OTHERWISE: Final = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)
_ONE_YEAR: Final = ("Strict-Transport-Security", "max-age=31536000")


def request_id() -> str:
    """The id of the request that is being served."""
    return structlog.contextvars.get_contextvars()["request_id"]  # type: ignore[no-any-return]


class Edge:
    def __init__(
        self,
        app: WSGIApplication,
        stopping: Stopping,
        last_resort: LastResort,
        observe: Observe | None,
    ) -> None:
        self._app = app
        self._stopping = stopping
        self._last_resort = last_resort
        self._observe = observe
        # Bound once, here: each use of an unbound logger binds it again.
        self._log = structlog.get_logger().bind()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        named = _id_of(environ)
        answered, route = 500, None

        def start(status: str, headers: _Headers, *error: Any) -> Callable[[bytes], object]:
            nonlocal answered, route
            answered, route = int(status[:3]), _route_of(environ)
            headers.append(("X-Request-Id", named))
            _make_careful(headers, environ)
            return start_response(status, headers, *error)

        structlog.contextvars.bind_contextvars(request_id=named)
        self._stopping.enter()
        try:
            return self._app(environ, start)
        except Exception as error:  # noqa: BLE001  (the last resort of all that a request asks for)
            return self._last_resort(error)(environ, start)
        finally:
            self._stopping.leave()
            self._record(environ["REQUEST_METHOD"], route, answered, time.perf_counter() - began)
            structlog.contextvars.clear_contextvars()

    def _record(self, method: str, route: str | None, status: int, seconds: float) -> None:
        ms = round(seconds * 1e3, 1)
        self._log.info("request", method=method, route=route, status=status, ms=ms)
        if self._observe is not None:
            self._observe(method, route, status, seconds)


def _id_of(environ: WSGIEnvironment) -> str:
    given = environ.get("HTTP_X_REQUEST_ID")
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def _route_of(environ: WSGIEnvironment) -> str | None:
    """The route's template, not the path: a path could hold anything."""
    # The request and its rule are missing when Flask could not even begin.
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    # Logs and metrics name the route without the converter of the order's id.
    return rule.rule.replace("<order:", "<") if rule else None


def _make_careful(headers: _Headers, environ: WSGIEnvironment) -> None:
    said = {name for name, _ in headers}
    headers.extend(_ALWAYS)
    headers.extend(header for header in _OTHERWISE if header[0] not in said)
    if environ["wsgi.url_scheme"] == "https":
        headers.append(_ONE_YEAR)
