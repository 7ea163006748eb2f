"""The worker's own health and metrics, on WORKER_PORT."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from order_service.application.outage import iso
from order_service.interface.worker.problems import Problem, Problems
from order_service.settings import SettingsError
from order_service.settings.addresses import bound

# Seconds that a connection may take in all, and the most connections at once.
_CONNECTION_SECONDS: Final = 10.0
_MOST_CONNECTIONS: Final = 64
_JSON: Final = ("Content-Type", "application/json")


class WorkerHttp:
    """Serves in threads of its own, for the length of a ``with`` block."""

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        """Raises SettingsError when the address or the port can't be listened on."""
        address = bound(host)
        try:
            self._server = _Server(address.strip("[]"), port, app)
        except OSError as error:
            raise SettingsError(
                f"Bad setting: WORKER_PORT: {address}:{port} can't be listened on "
                f"({error.strerror}). Free it, set another, or 0 for none."
            ) from None
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="worker-http", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def make_app(
    live: Callable[[], Problems], ready: Callable[[], Problems], registry: CollectorRegistry
) -> WSGIApplication:
    """``/health/live``, ``/health/ready`` (503 when a part is missing) and ``/metrics``."""
    metrics = make_wsgi_app(registry)
    checks = {"/health/live": live, "/health/ready": ready}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        if path in checks:
            return _answer_health(checks[path](), start_response)
        return _answer(HTTPStatus.NOT_FOUND, {"status": "not found"}, start_response)

    return app


def _answer_health(problems: Problems, start_response: StartResponse) -> Iterable[bytes]:
    missing = any(problems.values())
    dependencies = {name: _shown(problem) for name, problem in problems.items()}
    body = {"status": "unavailable" if missing else "ok", "dependencies": dependencies}
    return _answer(
        HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK, body, start_response
    )


def _shown(problem: Problem | None) -> dict[str, str]:
    if problem is None:
        return {"status": "ok"}
    return {"status": "unavailable", "detail": problem.detail, "since": iso(problem.since)}


def _answer(status: HTTPStatus, body: object, start_response: StartResponse) -> Iterable[bytes]:
    # A new list for each answer: the server adds the body's length to the list.
    start_response(f"{status.value} {status.phrase}", [_JSON])
    return [json.dumps(body).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    """Neither a slow check of the store nor a slow client holds up other probes: each connection
    has a thread and a time limit, and the oldest connection goes when there are too many."""

    # The end of the process waits for no thread that still answers.
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self._open: dict[socket.socket, float] = {}
        self._opening = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _QuietHandler)
        self.set_app(app)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._opening:
            self._open[request] = time.monotonic()
            if len(self._open) > _MOST_CONNECTIONS:
                self._cut(next(iter(self._open)))
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._opening:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """The base class calls this in each round of its loop."""
        long_ago = time.monotonic() - _CONNECTION_SECONDS
        with self._opening:
            for each in [open_ for open_, since in self._open.items() if since < long_ago]:
                self._cut(each)

    def _cut(self, request: socket.socket) -> None:
        """End the connection; the connection's thread sees the end, and closes it."""
        del self._open[request]
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs nothing: a client that is gone, or was cut off, is no news."""


class _QuietHandler(WSGIRequestHandler):
    timeout = _CONNECTION_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Logs nothing: a line for each probe would drown the worker's own lines."""
