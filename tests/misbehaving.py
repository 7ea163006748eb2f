"""A proxy in front of a real Inventory Service that does to its requests what networks, crashes and
bad releases do.

    with MisbehavingInventory(inventory.url) as proxy:
        proxy.misbehave(CUT_AFTER, method="PATCH", times=1)
        ...
        proxy.behave()
"""

import io
import json
import math
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK, free_port


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request.

    ``applied``: the real inventory gets it. ``wait_before`` and ``wait_after`` that: seconds, or
    infinity for as long as the fault lasts. ``answer``: None cuts the connection instead. ``drip``:
    seconds from each byte of the answer to the next, also when the fault is over. ``closes``: the
    connection, after the answer.
    """

    name: str
    applied: bool
    answer: Answer | Literal["the real one"] | None = None
    wait_before: float = 0
    wait_after: float = 0
    drip: float = 0
    closes: bool = False

    def __str__(self) -> str:
        return self.name


def error(status: int, *, applied: bool) -> Fault:
    body = json.dumps({"message": "Something went wrong"}).encode()
    name = f"answers {status} {'after' if applied else 'before'} applying"
    return Fault(name, applied, Answer(status, body))


def slow(seconds: float) -> Fault:
    """Applied late, also when nobody waits for the answer any more."""
    return Fault("is slow", applied=True, answer="the real one", wait_before=seconds)


def slow_to_answer(seconds: float) -> Fault:
    return Fault("is slow to answer", applied=True, answer="the real one", wait_after=seconds)


def rubbish(what: str, body: bytes, content_type: str = "application/json") -> Fault:
    return Fault(f"answers {what}", applied=False, answer=Answer(200, body, content_type))


ERROR_BEFORE: Final = error(500, applied=False)
ERROR_AFTER: Final = error(500, applied=True)
GATEWAY_TIMEOUT_AFTER: Final = error(504, applied=True)
CUT_BEFORE: Final = Fault("cuts the connection before applying", applied=False)
CUT_AFTER: Final = Fault("cuts the connection after applying", applied=True)
HANG_BEFORE: Final = Fault("hangs before applying", applied=False, wait_before=math.inf)
HANG_AFTER: Final = Fault("hangs after applying", applied=True, wait_after=math.inf)
TRICKLE: Final = Fault("trickles", applied=True, answer="the real one", drip=0.5)
CLOSE: Final = Fault("closes the connection", applied=True, answer="the real one", closes=True)
RUBBISH: Final = (
    rubbish("HTML", b"<html><body>It works!</body></html>", "text/html"),
    rubbish("wrong fields", b'{"count": 5, "cost": 3}'),
    rubbish("a negative stock", b'{"name": "x", "description": "x", "stock": -1, "price": 5}'),
    rubbish("a stock that is a string", b'{"name": "x", "stock": "many", "price": 5}'),
    rubbish("a stock that is a fraction", b'{"name": "x", "stock": 5.5, "price": 5}'),
    rubbish("a string", b'"out to lunch"'),
    rubbish("a price that is no number", b'{"name": "x", "stock": 5, "price": NaN}'),
    rubbish("a negative price", b'{"name": "x", "stock": 5, "price": -5}'),
    rubbish("nothing", b""),
)


@dataclass(slots=True)
class _Rule:
    """``times``: None is for ever. ``over`` ends its waits."""

    fault: Fault
    method: str | None
    path: str
    times: int | None
    over: threading.Event = field(default_factory=threading.Event)

    def fits(self, method: str, path: str) -> bool:
        return self.times != 0 and self.method in (None, method) and self.path in path


class MisbehavingInventory:
    """Passes every request on, until it is told otherwise."""

    def __init__(self, inventory_url: str) -> None:
        self.direct_url = inventory_url
        self.port = free_port()
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def misbehave(
        self, fault: Fault, *, method: str | None = None, path: str = "", times: int | None = None
    ) -> None:
        """To requests of that method whose path contains ``path``: the next ``times``, or all."""
        with self._lock:
            self._rules.append(_Rule(fault, method, path, times))

    def behave(self) -> bool:
        """Serve as before; whoever still waits is let go. Answers whether anything was wrong."""
        with self._lock:
            over, self._rules = self._rules, []
        for rule in over:
            rule.over.set()
        refused = self._server is None
        self.accept()
        return bool(over) or refused

    def refuse(self) -> None:
        """Nobody listens any more, and open connections are closed."""
        if self._server:
            self._server.end()
            self._server = None

    def accept(self) -> None:
        if self._server is None:
            self._server = _Server(self)

    def __enter__(self) -> Self:
        self.accept()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.behave()
        self.refuse()

    def rule_for(self, method: str, path: str) -> _Rule | None:
        with self._lock:
            self.requests.append(f"{method} {path}")
            rule = next((rule for rule in self._rules if rule.fits(method, path)), None)
            if rule and rule.times is not None:
                rule.times -= 1
            return rule


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, proxy: MisbehavingInventory) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((LOOPBACK, proxy.port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # An answer in two small packets would wait for the caller's acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.proxy.headers.append(dict(self.headers))
        rule = self.server.proxy.rule_for(self.command, self.path)
        answer = self._misbehave(rule, body) if rule else self._forward(body)
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer, rule.fault.drip if rule else 0)
            if rule and rule.fault.closes:
                self.close_connection = True

    def _misbehave(self, rule: _Rule, body: bytes) -> Answer | None:
        fault = rule.fault
        _wait(rule, fault.wait_before)
        real = self._forward(body) if fault.applied else None
        _wait(rule, fault.wait_after)
        return real if fault.answer == "the real one" else fault.answer

    def _forward(self, body: bytes) -> Answer | None:
        address = urlsplit(self.server.proxy.direct_url)
        connection = HTTPConnection(address.hostname or LOOPBACK, address.port, timeout=30)
        try:
            connection.request(
                self.command, self.path, body or None, {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            content_type = answer.headers.get("Content-Type", "")
            return Answer(answer.status, answer.read(), content_type)
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def _send(self, answer: Answer, drip: float) -> None:
        real, whole = self.wfile, io.BytesIO()
        if drip:
            self.wfile = whole
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile = real
        for byte in whole.getvalue():
            self.connection.sendall(bytes([byte]))
            time.sleep(drip)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Silent."""


def _wait(rule: _Rule, seconds: float) -> None:
    if seconds:
        rule.over.wait(None if math.isinf(seconds) else seconds)
