"""libcurl: the one library of mongod's that a bare Linux lacks."""

import contextlib
import ctypes
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from devstack.errors import Unavailable

_NAME = "libcurl.so.4"


def environment(folder: Path) -> dict[str, str]:
    """mongod's environment: this process's, with a libcurl where the system has none.

    pycurl's wheel carries a libcurl under another name. A link in ``folder`` has the name that
    mongod asks for.
    """
    if sys.platform != "linux" or _system_has_it():
        return dict(os.environ)
    library = _carried_by_pycurl()
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / _NAME
    if link.is_symlink():
        link.unlink()
    link.symlink_to(library)
    before = os.environ.get("LD_LIBRARY_PATH")
    path = ":".join([str(folder), str(library.parent), *([before] if before else [])])
    return {**os.environ, "LD_LIBRARY_PATH": path}


def _system_has_it() -> bool:
    try:
        ctypes.CDLL(_NAME)
    except OSError:
        return False
    return True


def _carried_by_pycurl() -> Path:
    with contextlib.suppress(PackageNotFoundError):
        folder = Path(str(distribution("pycurl").locate_file("pycurl.libs")))
        for library in folder.glob("libcurl-*.so.4*"):
            return library
    raise Unavailable(
        "The embedded MongoDB needs libcurl: apt-get install libcurl4 (or your system's package of "
        "it), or set MONGO_URI to a server of yours."
    )
