"""An API process: gunicorn's threaded worker, which waits for a client only so long."""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from gunicorn.workers.gthread import ThreadWorker

from order_service.interface.http.server import refusals
from order_service.interface.http.server.connection import Connection
from order_service.interface.http.server.threads import RequestThreads, log_refusal
from order_service.interface.http.server.waiting import (
    ANSWERING,
    ARRIVING,
    CLOSING,
    JUST_SECONDS,
    WaitingRoom,
)

# Seconds in all, however small the steps in which a client sends or reads.
HEAD_SECONDS: Final = 10.0
BODY_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 30.0
_CLOSING_SECONDS: Final = 2.0
_SWEEP_SECONDS: Final = 0.5

# Of a hundred connections at most this many may have requests in threads or queued for a thread.
# The rest is left to the threads that are kept for health.
_PERCENT_IN_HAND: Final = 95
# Bytes of unfinished requests and of unread answers, together.
_MAX_WEIGHT: Final = 16 * 1024 * 1024

_log = structlog.get_logger()


class ApiWorker(RequestThreads):
    """gunicorn's own worker, where gunicorn is set up for anything but plain HTTP/1."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        cfg = kwargs.get("cfg") or args[5]
        return super().__new__(cls) if _is_plain(cfg) else ThreadWorker(*args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sweep_at = self._accept_again_at = 0.0

    def run(self) -> None:
        # Read here, because gunicorn's own process may set another number before the fork.
        self._most_in_hand = max(1, self.worker_connections * _PERCENT_IN_HAND // 100)
        self._room = WaitingRoom(self.poller, self._ready)
        self._steps = {
            ARRIVING: self._receive,
            ANSWERING: self._send,
            CLOSING: self._forget_the_rest,
        }
        super().run()

    # --- in the main loop

    def accept(self, listener: Any) -> bool:
        """Whether a connection was there to accept."""
        try:
            client, address = listener.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            self._accept_later(error)
            return False
        try:
            conn = Connection(self.cfg, client, address)
        except OSError:
            client.close()
            return True
        self.nr_conns += 1
        self._guarded(conn, self._welcome)
        return True

    def _accept_later(self, error: OSError) -> None:
        """Pause accepting: most likely no file descriptors are left."""
        _log.warning("connection_not_taken", error=error.strerror)
        self._make_room()
        self._accept_again_at = time.monotonic() + _SWEEP_SECONDS
        self.set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled and time.monotonic() >= self._accept_again_at)

    def _welcome(self, conn: Connection) -> None:
        self._room.hold(conn, ARRIVING, HEAD_SECONDS)
        self._receive(conn)

    def _ready(self, conn: Connection) -> None:
        self._guarded(conn, self._steps[conn.doing])

    def _guarded(self, conn: Connection, step: Callable[[Connection], None]) -> None:
        """Run a step. An error ends the connection, and never the process."""
        try:
            step(conn)
        except OSError:
            self._drop(conn)
        except Exception:  # noqa: BLE001  (the last resort for one connection)
            _log.exception("connection_failed")
            self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self._room.forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _receive(self, conn: Connection) -> None:
        data = conn.receive()
        if data is None:
            return
        if not data:
            self._drop(conn)
            return
        begins = not conn.arriving.data
        conn.arriving.data += data
        self._room.weigh(conn)
        self._look(conn, begins=begins)

    def _look(self, conn: Connection, *, begins: bool) -> None:
        arriving = conn.arriving
        had_head = arriving.head_ends
        if arriving.is_whole():
            self._room.release(conn)
            self._dispatch(conn)
        elif arriving.head_ends > had_head:
            self._room.give(conn, BODY_SECONDS)
            if arriving.asks_to_continue:
                conn.let_continue()
        elif begins:
            self._room.give(conn, HEAD_SECONDS)

    def _dispatch(self, conn: Connection) -> None:
        if self._is_full() and not self.has_a_pool(conn):
            self._refuse(conn, refusals.BUSY)
        else:
            self.enqueue_req(conn)

    def _is_full(self) -> bool:
        in_hand = self.nr_conns - len(self._room)
        return in_hand > self._most_in_hand or self._room.weight > _MAX_WEIGHT

    def finish_request(self, conn: Connection, _: None = None) -> None:
        self._guarded(conn, self._go_on)

    def _go_on(self, conn: Connection) -> None:
        """Go on after a request: with the rest of its answer, the next request, or the end."""
        if conn.unsent:
            self._room.hold(conn, ANSWERING, ANSWER_SECONDS)
        elif not conn.keep:
            conn.end()
            self._room.hold(conn, CLOSING, _CLOSING_SECONDS)
        else:
            conn.await_next()
            self._room.hold(conn, ARRIVING, self.cfg.keepalive)
            if conn.arriving.data:
                self._look(conn, begins=True)

    def _send(self, conn: Connection) -> None:
        conn.send_rest()
        self._room.weigh(conn)
        if not conn.unsent:
            self._room.release(conn)
            self._go_on(conn)

    def _forget_the_rest(self, conn: Connection) -> None:
        if conn.receive() == b"":
            self._drop(conn)

    def _refuse(self, conn: Connection, why: tuple[int, str]) -> None:
        named = refusals.new_id()
        log_refusal(named, why, conn.client, None)
        conn.unsent = refusals.answer(*why, named)
        conn.keep = False
        conn.send_rest()
        self._go_on(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        # A connection may end soon, and a new client may be waiting for its place.
        is_full = self.nr_conns >= self.worker_connections
        super().wait_for_and_dispatch_events(JUST_SECONDS if is_full else timeout)

    def murder_pending(self) -> None:
        """gunicorn calls this in each round of its loop."""
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        while self._room.weight > _MAX_WEIGHT and (heaviest := self._room.heaviest()):
            self._drop(heaviest)
        now = time.monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            for conn in self._room.overdue():
                self._guarded(conn, self._expire)

    def _make_room(self) -> None:
        if least := self._room.least():
            self._drop(least)

    def _expire(self, conn: Connection) -> None:
        if conn.doing == ARRIVING and conn.arriving.data:
            self._room.release(conn)
            self._refuse(conn, refusals.TOO_SLOW)
        else:
            self._drop(conn)

    def _cap_keepalive(self, _: float) -> None:
        """gunicorn calls this once it accepts no more connections."""
        for listener in self.sockets:
            # Not for ever: after a reload others go on accepting, and clients go on coming.
            for _ in range(self.cfg.backlog):
                if not self.accept(listener):
                    break
            # The kernel goes on taking connections, for nobody, until each process has closed it.
            listener.close()
        self._room.stop()


def _is_plain(cfg: Any) -> bool:
    spoken = cfg.protocol == "http" and "h2" not in cfg.http_protocols
    return spoken and not cfg.is_ssl and cfg.proxy_protocol == "off"
