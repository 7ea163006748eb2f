"""Programs of the system that some tests need, and that a machine may lack."""

import os
import shutil

import pytest

_SYSTEM = "/usr/sbin:/usr/local/sbin"


def program(name: str, package: str) -> str:
    """Its path. Where it is not installed the test is skipped and says so; under CI it fails."""
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM)
    if found is not None:
        return found
    missing = f"{name} is not installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
