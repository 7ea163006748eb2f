"""Why a call failed, in words for the log: no address, no secret, and nothing that came from
outside."""

import socket
import ssl
import threading
import time
from typing import Final

import structlog

from order_service.infrastructure.outgoing.connections import Interim, TooLong

_SAY_AGAIN_AFTER: Final = 60.0

_log = structlog.get_logger()


def cause_of(error: BaseException) -> str:
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"TLS: {root.verify_message}"
    if isinstance(root, ssl.SSLError):
        return f"TLS: {root.reason or type(root).__name__}"
    if isinstance(root, socket.gaierror):
        return f"no address: {root.strerror}"
    if isinstance(root, TooLong | Interim):
        return str(root)
    if isinstance(root, OSError):
        return root.strerror or (str(root) if type(root) in _OURS else type(root).__name__)
    return type(root).__name__


# Raised with words of ours; ``strerror`` is the system's.
_OURS: Final = (TimeoutError, OSError)


def _root(error: BaseException) -> BaseException:
    for _ in range(20):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return error


class Complaints:
    """Says a cause when it is new, and then once a minute, however often it is met."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, cause: str, **more: object) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._said.get(cause, float("-inf")) < _SAY_AGAIN_AFTER:
                return
            self._said = {c: at for c, at in self._said.items() if now - at < _SAY_AGAIN_AFTER}
            self._said[cause] = now
        _log.warning(self._event, cause=cause, **more)
