"""Free TCP ports on loopback."""

import atexit
import random
import socket
import time
from collections import deque

LOOPBACK = "127.0.0.1"
# Below the ephemeral range of Linux and macOS: a client that keeps dialling a stopped part can
# otherwise be given that very port as its own source port, and keep the part from coming back.
_FIRST, _LAST = 20_000, 32_000
# Whoever was given one may not listen on it yet. A socket that is bound and doesn't listen keeps a
# port from other processes' picks and from clients' source ports, but not from a server, which
# binds with SO_REUSEADDR.
_HELD: deque[socket.socket] = deque(maxlen=300)


def bind_problem(port: int, host: str = LOOPBACK) -> OSError | None:
    """What a server would hear if it tried to listen there now; None when it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem
    return None


def is_free(port: int, host: str = LOOPBACK, patience: float = 0) -> bool:
    """Whether a server could listen there now, or within ``patience`` s.

    A listener that was killed a moment ago can be a moment longer in going.
    """
    deadline = time.monotonic() + patience
    while bind_problem(port, host) is not None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def answers(port: int, host: str = LOOPBACK, timeout: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError:
        return False
    return True


def free_port(preferred: int | None = None) -> int:
    """``preferred`` where nobody listens on it, else a random port that nobody else is given."""
    if preferred is not None and is_free(preferred):
        return preferred
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - no secret hangs on it
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.bind((LOOPBACK, port))
        except OSError:
            holder.close()
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _hold(holder)
        return port


def _hold(holder: socket.socket) -> None:
    if len(_HELD) == _HELD.maxlen:
        _HELD.popleft().close()
    _HELD.append(holder)
    atexit.register(holder.close)
