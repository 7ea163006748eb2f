"""The last release, taken from git: run with this checkout's packages, it is what it was."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.system import CHECKOUT

NAME: Final = "0.2.0"
_COMMIT: Final = "da3a044683c6c319dc200c983adc7d2101c896bf"


def unpacked(folder: Path) -> Path:
    """``folder``, with the release in it. Where git does not have the release, the test is skipped
    and says so; under CI it fails."""
    git = ["git", "archive", "--format=tar", _COMMIT]
    found = subprocess.run(git, cwd=CHECKOUT, capture_output=True, check=False)
    if found.returncode:
        missing = (
            f"release {NAME} (commit {_COMMIT[:7]}) is not in this checkout's git history: "
            f"git fetch --unshallow. git said: {found.stderr.decode().strip()}"
        )
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=found.stdout, check=True)
    return folder
