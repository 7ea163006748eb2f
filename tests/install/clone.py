"""A clone of a small project with our own tools/install.sh, installed by a pip of one's choice."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.install.package_index import PackageIndex, wheel
from tests.system import CHECKOUT

# Builds a package that holds nothing but what it requires.
_BUILDER = """
import pathlib, zipfile
def build_editable(folder, settings=None, metadata=None):
    info, name = "project-1.dist-info", "project-1-py3-none-any.whl"
    requires = pathlib.Path("requires").read_text().split()
    files = {
        "METADATA": "Metadata-Version: 2.1\\nName: project\\nVersion: 1\\n"
        + "".join(f"Requires-Dist: {each}\\n" for each in requires),
        "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "RECORD": "".join(f"{info}/{each},,\\n" for each in ("METADATA", "WHEEL", "RECORD")),
    }
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as archive:
        for each, text in files.items():
            archive.writestr(f"{info}/{each}", text)
    return name
"""
_PYPROJECT = """
[build-system]
requires = ["fake-builder>=1"]
build-backend = "fake_builder"
"""
# fake-cov asks for an extra of what is pinned without one, as pytest-cov does of coverage.
PINNED = {"fake-builder": "1.0", "fake-cov": "6.0", "fake-coverage": "7.17.3", "fake-tool": "2.0"}
_WHEELS = {
    "fake-builder": wheel("fake-builder", "1.0", module=_BUILDER),
    "fake-cov": wheel("fake-cov", "6.0", requires=["fake-coverage[toml]>=7.10.6"]),
    "fake-coverage": wheel(
        "fake-coverage",
        "7.17.3",
        extras=["toml"],
        requires=['fake-tomli ; python_full_version <= "3.11.0a6" and extra == "toml"'],
    ),
    "fake-tool": wheel("fake-tool", "2.0"),
}
# A Python that makes environments with the pip in a folder instead of its own.
_PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec '{python}' "$@"
'{python}' -m venv --clear --without-pip .venv
ln -s '{pip}'/* .venv/lib/python*/site-packages/
printf '#!%s/.venv/bin/python\\n' "$PWD" >.venv/bin/pip
"""


def index() -> PackageIndex:
    return PackageIndex({(name, PINNED[name]): content for name, content in _WHEELS.items()})


class Clone:
    """``pip``: a folder with the unpacked wheel of one."""

    def __init__(self, folder: Path, index: PackageIndex, pip: Path) -> None:
        self.folder = folder
        self._python = folder.parent / "python"
        self._python.write_text(_PYTHON.format(python=sys.executable, pip=pip))
        self._python.chmod(0o755)
        self.index_url = index.url
        (folder / "tools").mkdir(parents=True)
        shutil.copy(CHECKOUT / "tools" / "install.sh", folder / "tools")
        (folder / "setup.cfg").touch()
        (folder / "pyproject.toml").write_text(_PYPROJECT)
        self.require("fake-cov>=6")
        self.pin(*PINNED)

    def require(self, *requirements: str) -> None:
        (self.folder / "requires").write_text("\n".join(requirements))

    def pin(self, *names: str, hashes: Mapping[str, str] | None = None) -> None:
        """``hashes``: other ones than right, of some of them."""
        right = {name: hashlib.sha256(_WHEELS[name]).hexdigest() for name in names}
        lines = [
            f"{name}=={PINNED[name]} --hash=sha256:{digest}\n"
            for name, digest in {**right, **(hashes or {})}.items()
        ]
        (self.folder / "requirements-dev.txt").write_text("".join(lines))

    def install(self, **variables: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "PIP_INDEX_URL": self.index_url,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "1",
            "PYTHON": str(self._python),
            "no_proxy": "127.0.0.1",
        }
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        return subprocess.run(
            ["tools/install.sh"],
            cwd=self.folder,
            env={**ours, **settings, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def installed(self) -> dict[str, str]:
        """Names and versions, without pip's."""
        infos = self.folder.glob(".venv/lib/python*/site-packages/*.dist-info")
        found = dict(info.name.removesuffix(".dist-info").split("-") for info in infos)
        return {name.replace("_", "-"): version for name, version in found.items() if name != "pip"}
