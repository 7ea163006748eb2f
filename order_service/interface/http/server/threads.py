"""The part of gunicorn's worker that runs in threads: a request, from parsing to answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from gunicorn.workers.gthread import ThreadWorker

from order_service.interface.http.server import refusals
from order_service.interface.http.server.connection import Connection
from order_service.interface.http.server.reading import read

# Threads for paths that must not wait behind requests which wait for the store or the inventory.
_ASIDE: Final = {b"/health/live": 1, b"/health/ready": 4, b"/metrics": 1}

_log = structlog.get_logger()


class RequestThreads(ThreadWorker):
    """``mounted_at``: the path that the API is served under, beside the root. ``is_leaving``:
    whether each answer is the last one of its connection."""

    mounted_at = ""
    is_leaving = False

    def get_thread_pool(self) -> Any:
        self._aside = {path: ThreadPoolExecutor(number) for path, number in _ASIDE.items()}
        self._pool = super().get_thread_pool()
        return self._pool

    def has_a_pool(self, conn: Connection) -> bool:
        """Whether the request's path has threads of its own."""
        return self._path(conn) in self._aside

    def enqueue_req(self, conn: Connection) -> None:
        pool = self._aside.get(self._path(conn), self._pool)
        conn.hand_over()
        pool.submit(self._serve, conn)

    def _path(self, conn: Connection) -> bytes:
        return conn.arriving.target().removeprefix(self.mounted_at.encode())

    def _serve(self, conn: Connection) -> None:
        conn.keep = False
        try:
            conn.keep = self.handle(conn)
        finally:
            self.method_queue.defer(self.finish_request, conn)

    def handle(self, conn: Connection) -> bool:
        """Whether the connection can take another request."""
        request, keep = None, False
        try:
            request = read(conn)
            if self.is_leaving:
                request.force_close()
            keep = self.handle_request(request, conn)
        except StopIteration:
            # The answer broke off, and gunicorn has logged why.
            pass
        except Exception as error:  # noqa: BLE001  (the last resort for what a request can raise)
            self.handle_error(request, conn.sock, conn.client, error)
        try:
            conn.send_answer()
        except OSError:
            conn.unsent = b""
            return False
        return keep

    def handle_error(self, _: Any, client: Any, address: Any, error: Exception) -> None:
        named = refusals.new_id()
        why = refusals.status_of(error)
        if why is None:
            _log.error("defect", request_id=named, exc_info=error)
        else:
            log_refusal(named, why, address, error)
        client.sendall(refusals.answer(*(why or (500, "")), named))


def log_refusal(named: str, why: tuple[int, str], address: Any, error: Exception | None) -> None:
    """Log a request that the application never saw."""
    _log.warning(
        "request_refused",
        request_id=named,
        status=why[0],
        client=address[0] if isinstance(address, tuple) else "unix",
        # Not the error's text, which repeats bytes of the request.
        reason=type(error).__name__ if error else why[1],
    )
