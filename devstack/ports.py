"""Free TCP ports on loopback."""

import atexit
import random
import socket
import time
from collections import deque

LOOPBACK = "127.0.0.1"
# Below the ephemeral range of Linux and macOS: else a client that keeps dialling a stopped part can
# get the part's port as its own source port, and keep the part from starting again.
_FIRST, _LAST = 20_000, 32_000
# Sockets that hold given ports until their servers listen. A socket that is bound and does not
# listen keeps its port from other processes' picks and from clients' source ports, but not from a
# server, which binds with SO_REUSEADDR.
_HELD: deque[socket.socket] = deque(maxlen=300)


def bind_problem(port: int, host: str = LOOPBACK) -> OSError | None:
    """The error that a server would meet if it listened on the port now; None when it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem
    return None


def is_free(port: int, host: str = LOOPBACK, patience: float = 0) -> bool:
    """Whether a server could listen on the port now, or within ``patience`` s.

    A killed listener may hold its port a moment longer.
    """
    deadline = time.monotonic() + patience
    while bind_problem(port, host) is not None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def answers(port: int, host: str = LOOPBACK, timeout: float = 0.5) -> bool:
    """Whether a server accepts connections at the port."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError:
        return False
    return True


def free_port(preferred: int | None = None) -> int:
    """``preferred`` if it is free, else a random port that no other caller gets."""
    if preferred is not None and is_free(preferred):
        return preferred
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - the port is no secret
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
