"""``order-service`` in a process of its own, for the tests that run a command.

The process is forked from one that has loaded the commands: to load them takes a second of CPU, and
a command itself far less. How the program starts from nothing is tried by tests/e2e/test_start.py.
"""

import atexit
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.system import CHECKOUT, clean_environment

_SECONDS = 60
_one_at_a_time = threading.Lock()


def order_service(
    *words: str, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """``environment``: all of it."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("stdout", "stderr")]
        for file in files:
            file.touch()
        asked = {
            "words": words,
            "environment": dict(environment),
            "stdout": str(files[0]),
            "stderr": str(files[1]),
            "seconds": _SECONDS,
        }
        code = _ask(json.dumps(asked))
        return subprocess.CompletedProcess(words, code, *(file.read_text() for file in files))


def _ask(line: str) -> int:
    with _one_at_a_time:
        loaded = _loaded()
        assert loaded.stdin is not None
        assert loaded.stdout is not None
        print(line, file=loaded.stdin, flush=True)
        return int(loaded.stdout.readline())


@cache
def _loaded() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.loaded_commands"],
        cwd=CHECKOUT,
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process
