"""Requests, counted and timed; and /metrics, for Prometheus.

/metrics shows how much is sold, so /metrics is not for everybody. With METRICS_PORT it is on that
port alone, for whoever can reach the port; without METRICS_PORT the API has /metrics only while the
API is open to everybody.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Response, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import choose_encoder

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})

Gather = Callable[[], CollectorRegistry]


class RequestMetrics:
    """``gather`` returns the numbers of every process, for a scrape."""

    def __init__(self, registry: CollectorRegistry, gather: Gather) -> None:
        self._gather = gather
        self._seconds = Histogram(
            "order_service_http_request_seconds",
            "Requests by the route's template and the answer's status.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._series: dict[tuple[str, str, int], Any] = {}

    def observe(self, method: str, route: str | None, status: int, seconds: float) -> None:
        # A method or path that a client makes up must not make a series.
        key = method if method in _METHODS else "other", route or "none", status
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._seconds.labels(*key)
        series.observe(seconds)

    def view(self) -> Response:
        body, content_type = self._scraped(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    def _scraped(self, accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(self._gather()), content_type

    def beside(self, api: WSGIApplication, metrics_port: int) -> WSGIApplication:
        """Serves /metrics alone on ``metrics_port``, and the API elsewhere."""
        port = str(metrics_port)

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["SERVER_PORT"] != port or not _is_real(port, environ):
                return api(environ, start_response)
            if environ["PATH_INFO"] != "/metrics":
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"This port serves /metrics only.\n"]
            body, content_type = self._scraped(environ.get("HTTP_ACCEPT", ""))
            start_response("200 OK", [("Content-Type", content_type)])
            return [body]

        return serve


def _is_real(port: str, environ: WSGIEnvironment) -> bool:
    """Whether the connection came in by ``port``: through a Unix socket SERVER_PORT is what the
    client wrote in its Host header."""
    asked = getattr(environ.get("gunicorn.socket"), "getsockname", None)
    address = asked() if asked else None
    return isinstance(address, tuple) and str(address[1]) == port
