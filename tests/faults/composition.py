"""The service as this suite runs it: the real composition with traps around its ports.

``gunicorn tests.faults.composition:app`` is the API, ``python -m tests.faults.composition`` the
worker.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from flask import Flask

from order_service.bootstrap import adapters as adapters_module
from order_service.bootstrap.adapters import Adapters
from order_service.bootstrap.api import build_api
from order_service.bootstrap.load import load_settings
from order_service.bootstrap.master import handed_on
from order_service.bootstrap.worker import run_worker
from order_service.infrastructure.mongo.connection import connect
from tests.faults import addresses, wall_clock
from tests.faults.traps import Traps

TRAPS = "FAULTS_TRAPS"
CLOCK_OFF = "FAULTS_CLOCK_OFF"
ADDRESSES = "FAULTS_ADDRESSES"
# In the proportion of the rig's settings: a worker that is killed while it publishes keeps the
# others from publishing for so long.
adapters_module._RELAY_LEASE_SECONDS = 6.0  # type: ignore[misc]


def _wrap(role: str, adapters: Adapters) -> Adapters:
    traps = Traps(Path(os.environ[TRAPS]), role)
    return replace(
        adapters,
        orders=traps.around("orders", adapters.orders),
        leases=traps.around("leases", adapters.leases),
        absolute=traps.around("inventory", adapters.absolute),
        conditional=traps.around("inventory", adapters.conditional),
        inventory=traps.around("inventory", adapters.inventory),
    )


def _wrapping(role: str) -> Callable[[Adapters], Adapters]:
    if off := os.environ.get(CLOCK_OFF):
        wall_clock.set_off(float(off))
    addresses.obey(Path(os.environ[ADDRESSES]))
    return partial(_wrap, role)


@cache
def _app() -> Flask:
    settings, shared = handed_on()
    return build_api(settings, connect(settings), shared, _wrapping("api"))


def __getattr__(name: str) -> Flask:
    if name == "app":
        return _app()
    raise AttributeError(name)


if __name__ == "__main__":
    sys.exit(run_worker(load_settings(), _wrapping("worker")))
