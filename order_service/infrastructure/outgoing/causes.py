"""Why a call failed, in words for the log: no address, no secret, and nothing that came from
outside."""

import socket
import ssl
from typing import Final

from order_service.infrastructure.outgoing.connections import Interim, TooLong


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
        return _of_system(root) or type(root).__name__
    return type(root).__name__


def _of_system(error: OSError) -> str:
    if error.strerror:
        return error.strerror.lower()
    ours = str(error) if type(error) in _OURS else ""
    return ours or ("timed out" if isinstance(error, TimeoutError) else "")


# Raised with words of ours; ``strerror`` is the system's.
_OURS: Final = (TimeoutError, OSError)


def _root(error: BaseException) -> BaseException:
    for _ in range(20):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return error
