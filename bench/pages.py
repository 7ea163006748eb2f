"""bench.list, run in a process of its own with a MongoDB of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.system import CHECKOUT

# Seconds to store, index and read a million orders.
_TIMEOUT = 1800
_STOP_TIMEOUT = 30


def measured() -> tuple[float, float, float]:
    """The slowest size's time over the fastest's: of all lists, and the least and the most of the
    kinds. Raises SystemExit when bench.list fails."""
    with tempfile.TemporaryDirectory(prefix="bench-list-") as folder:
        kept = Path(folder) / "ratios.json"
        _run([sys.executable, "-m", "bench.list", "--json", str(kept)], folder)
        ratios = json.loads(kept.read_text(encoding="utf-8"))
    kinds = ratios["kinds"].values()
    return ratios["all"], min(kinds), max(kinds)


def _run(command: list[str], folder: str) -> None:
    environment = {**os.environ, "TMPDIR": folder}
    process = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
    try:
        if code := process.wait(_TIMEOUT):
            raise SystemExit(f"bench.list failed (exit code {code}).")
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT)
