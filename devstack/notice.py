"""``.data/run.json``: every address, for programs beside a running ``make run``."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from devstack.errors import DevstackError


class Notice:
    """``{"process": id, "settings": {NAME: value}}``; true only while its writer holds its lock.

    A lock ends with its process, however the process ends, so no program follows an old notice.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.write({})

    def write(self, settings: Mapping[str, str]) -> None:
        """``settings``: those with which the service's programs reach the running parts."""
        self._file.truncate(0)
        json.dump({"process": os.getpid(), "settings": dict(settings)}, self._file)
        self._file.flush()


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[Notice]:
    """Raises DevstackError where another ``make run`` uses the same data."""
    data_dir.mkdir(exist_ok=True)
    path = data_dir / "run.json"
    # Readable by its owner alone: a configured address may hold a password.
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevstackError(
                f"It runs already in this folder ({_process_in(path)}): use that one, or stop it "
                "with Ctrl-C."
            ) from None
        try:
            yield Notice(file)
        finally:
            file.truncate(0)


def _process_in(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError, LookupError):
        return f"process {json.loads(path.read_text())['process']}"
    return "its number is not known"
