"""Where and with what a run was measured."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devstack.kafka_runtime import KAFKA_VERSION
from tests.system import CHECKOUT

_NODE = 20
_NEEDED = {
    "wrk": "apt-get install wrk",
    "node": f"apt-get install nodejs (version {_NODE} or newer)",
    "npm": "apt-get install npm",
}


def described(mongod_version: str) -> dict[str, Any]:
    """The machine, the versions and the commit."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _said("git", "rev-parse", "HEAD"),
        "uncommitted": _said("git", "status", "--porcelain", "--untracked-files=no").splitlines(),
        "machine": {
            "cpu": _first("/proc/cpuinfo", "model name") or platform.processor(),
            "cores": os.cpu_count(),
            "memory_mb": int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
            "system": platform.platform(),
            "load_average": os.getloadavg()[0],
        },
        "versions": {
            "python": platform.python_version(),
            "node": _said("node", "--version"),
            "mongod": mongod_version,
            "kafka": KAFKA_VERSION,
        },
    }


def missing() -> list[str]:
    """A line with the remedy for each program that is not there, or is too old."""
    lines = [
        f"make bench needs {name}: {remedy}"
        for name, remedy in _NEEDED.items()
        if shutil.which(name) is None
    ]
    version = _said("node", "--version")
    if version and int(version.lstrip("v").split(".")[0]) < _NODE:
        lines.append(f"make bench needs Node {_NODE} or newer, and node is {version}")
    return lines


def _said(*command: str) -> str:
    try:
        ran = subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip()


def _first(path: str, name: str) -> str:
    """What a line of that name in a file under /proc says."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
