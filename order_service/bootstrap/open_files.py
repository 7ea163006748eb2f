"""How many connections of clients fit under the system's limit of open files (ulimit -n)."""

import resource
from typing import Final

from order_service.settings import Settings

# gunicorn's own default.
_CONNECTIONS: Final = 1000
# The log, what is listened on, wake-ups, what the drivers keep beside their pools.
_BASE: Final = 64
# Of a thread: the wait for a request's first bytes, the inventory, and twice Redis.
_OF_A_THREAD: Final = 4


def connections_that_fit(settings: Settings) -> int:
    """For each process, at most as many as gunicorn takes by default.

    Raises the soft limit as far as it is needed and the hard one allows.
    """
    beside = files_beside_connections(settings)
    limit = _allow(_CONNECTIONS + beside)
    return max(settings.web_threads, min(_CONNECTIONS, limit - beside))


def shortage(settings: Settings, connections: int) -> str | None:
    """One line where that many connections do not fit, or None."""
    needed = connections + files_beside_connections(settings)
    limit = _allow(needed)
    if needed <= limit:
        return None
    return (
        f"A process may open {limit} files (ulimit -n), and {connections} connections, "
        f"WEB_THREADS={settings.web_threads} and MONGO_POOL_SIZE={settings.mongo_pool_size} can "
        f"take {needed}: raise the limit, or some connections are refused under load."
    )


def files_beside_connections(settings: Settings) -> int:
    return _BASE + settings.mongo_pool_size + _OF_A_THREAD * settings.web_threads


def _allow(needed: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return needed
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
