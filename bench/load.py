"""Load from wrk, a process of one thread: the clients cost the same for every service."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("load.lua")
# Longer than any service takes to give up on a request.
_REQUEST_TIMEOUT = 12
_GRACE = 30


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to ``url``: ``kind`` as in load.lua, ``ids`` from the ``first`` on, and the
    ``token`` of each request, where it is not empty."""

    kind: str
    url: str
    connections: int
    ids: Path = Path(os.devnull)
    first: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``p50``, ``p95`` and ``p99`` in ms; ``answered``: numbers by status, of creates alone."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    exhausted: int
    answered: Mapping[str, int]
    errors: Mapping[str, int]

    @property
    def good(self) -> int:
        """Requests answered with 200, or with 201 where an order is created."""
        return self.answered.get("201", 0) if self.answered else self.requests - self.failed

    @property
    def failed(self) -> int:
        return self.errors["status"]


def send(load: Load, seconds: int) -> Loaded:
    """Raises SystemExit when wrk itself fails."""
    command = ["wrk", "--threads", "1", "--connections", str(load.connections)]
    command += ["--duration", f"{seconds}s", "--timeout", f"{_REQUEST_TIMEOUT}s"]
    environment = {"LOAD": load.kind, "IDS": str(load.ids), "FIRST": str(load.first)}
    environment["TOKEN"] = load.token
    done = subprocess.run(
        [*command, "--script", str(_SCRIPT), load.url],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + _REQUEST_TIMEOUT + _GRACE,
    )
    said = done.stdout.splitlines()
    if done.returncode or not said or not said[-1].startswith("{"):
        raise SystemExit(f"wrk failed on {load.url}: {(done.stdout + done.stderr).strip()[-300:]}")
    return Loaded(**json.loads(said[-1]))
