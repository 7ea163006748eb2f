"""A folder for what the processes of one gunicorn share while they run.

gunicorn.conf.py makes it before it imports anything else of the service, so this stands on the
standard library alone.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "order-service-run-"
_ALIVE = "alive"


def make_run_folder() -> str:
    """A new one, gone when this process ends. One that a killed process left behind goes now."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_ALIVE}"):
        _remove_if_dead(left)
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    # Locked before it has its name, so that no other start takes it for one left behind. The lock
    # ends with the last process that has inherited it, however they end.
    unnamed = Path(folder, f"{_ALIVE}.new")
    fcntl.flock(os.open(unnamed, os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    unnamed.rename(Path(folder, _ALIVE))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove_if_dead(alive: Path) -> None:
    try:
        lock = os.open(alive, os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(alive.parent, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(lock)


def _remove(folder: str, maker: int) -> None:
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)
