"""gunicorn reads the same settings as the service."""

import gc
import os
import signal
import sys
from typing import Any

from order_service.run_folder import make_run_folder

# What the processes count is added up from files, new ones for each start. Set before anything
# imports prometheus_client, which looks for it then.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = make_run_folder()

from order_service.addresses import bound
from order_service.bootstrap import load_settings
from order_service.bootstrap.api import after_exit, before_fork
from order_service.settings import SettingsError

try:
    _settings = load_settings()
    _address = bound(_settings.host)
except SettingsError as _error:
    sys.exit(str(_error))

before_fork()

bind = [f"{_address}:{_settings.port}"]
if _settings.metrics_port:
    bind.append(f"{_address}:{_settings.metrics_port}")
workers = _settings.web_workers
threads = _settings.web_threads
# gunicorn's gthread, in which no thread waits for a client.
worker_class = "order_service.interface.http.server.worker.ApiWorker"
# Clients must not cross a fork, so every worker makes its own.
preload_app = False
control_socket_disable = True
timeout = 60
graceful_timeout = 30
keepalive = 5
# Answers are collected in memory, and sent without waiting for who reads them.
sendfile = False
# TRUSTED_PROXIES alone says who is believed; on a unix socket gunicorn would believe everybody.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def post_worker_init(worker: Any) -> None:
    """SIGTERM first turns readiness 503, and ends the taking of requests when they are done."""
    # What is loaded stays: looking through it at each collection took a tenth of an order's CPU.
    gc.freeze()
    # The application knows it. gunicorn answers 500 to what is not under it, probes among it.
    os.environ.pop("SCRIPT_NAME", None)
    stopping = getattr(worker.wsgi, "extensions", {}).get("stopping")
    if stopping is not None:
        stop = worker.handle_exit
        signal.signal(signal.SIGTERM, lambda sig, _: stopping.begin(lambda: stop(sig, None)))
        # As gunicorn has it: a signal must not interrupt what requests wait for.
        signal.siginterrupt(signal.SIGTERM, False)


def child_exit(_: Any, worker: Any) -> None:
    after_exit(worker.pid)
