"""The machine and the programs of a run."""

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
        "commit": _output_of("git", "rev-parse", "HEAD"),
        "uncommitted": _output_of(
            "git", "status", "--porcelain", "--untracked-files=no"
        ).splitlines(),
        "machine": {
            "cpu": _first_value("/proc/cpuinfo", "model name") or platform.processor(),
            "cores": os.cpu_count(),
            "memory_mb": int((_first_value("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
            "system": platform.platform(),
            "load_average": os.getloadavg()[0],
        },
        "versions": {
            "python": platform.python_version(),
            "node": _output_of("node", "--version"),
            "mongod": mongod_version,
            "kafka": KAFKA_VERSION,
        },
    }


def missing() -> list[str]:
    """A line with the remedy for each program that is missing or too old."""
    lines = [
        f"make bench needs {name}: {remedy}"
        for name, remedy in _NEEDED.items()
        if shutil.which(name) is None
    ]
    version = _output_of("node", "--version")
    if version and int(version.lstrip("v").split(".")[0]) < _NODE:
        lines.append(f"make bench needs Node {_NODE} or newer, and node is {version}")
    return lines


def _output_of(*command: str) -> str:
    try:
        ran = subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip()


def _first_value(path: str, name: str) -> str:
    """The value of the first line with that name in a file under /proc."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
