"""The sample Inventory Service as a part: gunicorn in a process of its own."""

import os
import sys
import tempfile
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import devstack
from devstack.part import Part
from devstack.ports import LOOPBACK, answers, free_port
from devstack.processes import ManagedProcess

_START_TIMEOUT = 30
_CHECKOUT = str(Path(devstack.__file__).resolve().parent.parent)


class SampleInventory(Part):
    """Always serves both contracts; the caller chooses."""

    def __init__(
        self,
        mongo_uri: str,
        kafka_bootstrap: str,
        port: int | None = None,
        *,
        threads: int = 16,
        database: str = "inventory",
        topic: str = "stock_updates",
        log_path: Path | None = None,
    ) -> None:
        self.port = port or free_port()
        log_path = log_path or Path(tempfile.gettempdir()) / f"sample-inventory-{self.port}.log"
        settings = {
            "MONGO_URI": mongo_uri,
            "KAFKA_BROKER": kafka_bootstrap,
            "INVENTORY_DATABASE": database,
            "INVENTORY_TOPIC": topic,
            "PYTHONPATH": os.pathsep.join(filter(None, [_CHECKOUT, os.environ.get("PYTHONPATH")])),
            "GUNICORN_CMD_ARGS": "",
        }
        # Outside the checkout, whose gunicorn.conf.py is the order service's.
        self.process = ManagedProcess(
            "The sample inventory",
            _gunicorn(self.port, threads),
            log_path,
            env={**os.environ, **settings},
            cwd=Path("/"),
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def _until_ready(self) -> None:
        self.process.wait_until(lambda: answers(self.port), _START_TIMEOUT)
        self.process.wait_until(self._is_healthy, _START_TIMEOUT)

    def _is_healthy(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _gunicorn(port: int, threads: int) -> list[str]:
    options = {
        "--bind": f"{LOOPBACK}:{port}",
        "--worker-class": "gthread",
        "--workers": 1,
        "--threads": threads,
        # Longer than any caller's pool keeps an idle connection: no connection is cut under a call.
        "--keep-alive": 75,
        # gunicorn waits so long even for idle connections; a request takes 2 s.
        "--graceful-timeout": 2,
    }
    flat = [str(word) for option in options.items() for word in option]
    app = "devstack.inventory.server:app_from_environment()"
    return [sys.executable, "-m", "gunicorn", *flat, "--no-control-socket", app]
