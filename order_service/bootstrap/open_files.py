"""How many connections of clients fit under the system's limit of open files (ulimit -n).

This is the one rule: gunicorn.conf.py sets gunicorn up by it, and no process takes more
connections, whatever the command line says.
"""

import resource
from typing import Final

from order_service.settings import Settings

# gunicorn's own default.
_CONNECTIONS: Final = 1000
# The log, listening sockets, wake-ups, and connections that the drivers keep beside their pools.
_BASE: Final = 64
# For each thread: a call of the inventory beside the inventory's full pool, and Redis twice.
_OF_A_THREAD: Final = 3


def connections_that_fit(settings: Settings, wanted: int = _CONNECTIONS) -> int:
    """The number of connections for each process, at most ``wanted``.

    Raises the soft limit as far as needed and as the hard limit allows.
    """
    beside = files_beside_connections(settings)
    limit = _allow(wanted + beside)
    return max(min(wanted, settings.web_threads), min(wanted, limit - beside))


def shortage(settings: Settings, connections: int) -> str | None:
    """One line to log where the connections do not fit, or None."""
    needed = connections + files_beside_connections(settings)
    limit = _allow(needed)
    if needed <= limit:
        return None
    return (
        f"A process may open {limit} files (ulimit -n), and {connections} connections, "
        f"WEB_THREADS={settings.web_threads} and MONGO_POOL_SIZE={settings.mongo_pool_size} can "
        f"take {needed}: raise the limit, or the process takes fewer connections."
    )


def files_beside_connections(settings: Settings) -> int:
    pools = settings.mongo_pool_size + settings.inventory_pool_size
    return _BASE + pools + _OF_A_THREAD * settings.web_threads


def _allow(needed: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return needed
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
