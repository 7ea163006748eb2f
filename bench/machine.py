"""Where and with what a run was measured."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devstack.kafka_runtime import KAFKA_VERSION
from tests.system import CHECKOUT


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


def _said(*command: str) -> str:
    done: Sequence[str] = command
    try:
        ran = subprocess.run(
            done, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10
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
