"""gunicorn reads the same settings as the service."""

import gc
import math
import os
import signal
from pathlib import Path
from typing import Any

from order_service.bootstrap.master import (  # noqa: F401  (gunicorn takes hooks by their names)
    check,
    child_exit,
    on_reload,
    post_fork,
    pre_fork,
    prepare,
    when_ready,
)
from order_service.bootstrap.open_files import connections_that_fit

_settings, _address = prepare(Path(__file__).parent)

bind = [f"{_address}:{_settings.port}"]
if _settings.metrics_port:
    bind.append(f"{_address}:{_settings.metrics_port}")
workers = _settings.web_workers
threads = _settings.web_threads
# gunicorn's gthread, in which no thread waits for a client.
worker_class = "order_service.interface.http.server.worker.ApiWorker"
worker_connections = connections_that_fit(_settings)
# Clients must not cross a fork, so every worker makes its own.
preload_app = False
control_socket_disable = True
timeout = 60
# From the signal to stop on: STOP_DELAY, and then half a minute for what was accepted.
graceful_timeout = 30 + math.ceil(_settings.stop_delay)
keepalive = 5
# Answers are collected in memory, and sent without waiting for who reads them.
sendfile = False
# TRUSTED_PROXIES alone says who is believed; on a unix socket gunicorn would believe everybody.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# Where workers say that they live: in memory, for a disk can be full or slow.
_memory = "/dev/shm"  # noqa: S108  (gunicorn makes files there that nobody else finds)
worker_tmp_dir = _memory if os.access(_memory, os.W_OK) else None


def on_starting(server: Any) -> None:
    check(server.cfg, worker_class)


def post_worker_init(worker: Any) -> None:
    """SIGTERM first turns readiness 503, and ends the taking of requests when they are done."""
    # What is loaded stays: looking through it at each collection took a tenth of an order's CPU.
    gc.freeze()
    # The application knows it. gunicorn answers 500 to what is not under it, probes among it.
    os.environ.pop("SCRIPT_NAME", None)
    sampler = _extension(worker, "sampler")
    if sampler is not None:
        sampler.start()
    stopping = _extension(worker, "stopping")
    if stopping is not None:

        def stop(sig: int, _: Any) -> None:
            worker.is_leaving = True
            stopping.begin(lambda: worker.handle_exit(sig, None))

        signal.signal(signal.SIGTERM, stop)
        # As gunicorn has it: a signal must not interrupt what requests wait for.
        signal.siginterrupt(signal.SIGTERM, False)


def worker_exit(_: Any, worker: Any) -> None:
    """Called in the process that ends, once its requests are done."""
    sampler = _extension(worker, "sampler")
    if sampler is not None:
        sampler.end()


def _extension(worker: Any, name: str) -> Any:
    app = getattr(worker, "wsgi", None)
    return getattr(app, "extensions", {}).get(name)
