"""The peers made ready to run: their pinned packages, in one folder a peer under .data/."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.say import say
from tests.system import CHECKOUT

_SOURCES = Path(__file__).parent / "peers"
_MADE = CHECKOUT / ".data" / "bench"
_INSTALL_TIMEOUT = 600


def installed(peers: Sequence[str]) -> dict[str, Path]:
    """The peers' folders. Raises SystemExit with the reason when a folder can't be made."""
    return {name: _make(name, *_RECIPES[name]) for name in peers if name in _RECIPES}


def _make(name: str, pinned: str, install: Callable[[Path], None]) -> Path:
    source, folder = _SOURCES / name, _MADE / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    stamp, wanted = folder / ".installed", _stamp(source / pinned)
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        say(f"Installing what the {name} peer needs into {folder.relative_to(CHECKOUT)}")
        install(folder)
        stamp.write_text(wanted, encoding="ascii")
    return folder


def _stamp(pinned: Path) -> str:
    folder = str(CHECKOUT).encode()
    return hashlib.sha256(pinned.read_bytes() + sys.version.encode() + folder).hexdigest()


def _npm(folder: Path) -> None:
    # Packages' own scripts are not run: they fetch and build files that no lock file pins.
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _venv(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", "--clear", "venv"], folder)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip"]
    pinned = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"]
    _run([*pip, "install", "--no-input", "--quiet", *pinned], folder)
    _run([*pip, "check"], folder)


_RECIPES = {"express": ("package-lock.json", _npm), "fastapi": ("requirements.txt", _venv)}


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_INSTALL_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{' '.join(command[:3])} took over {_INSTALL_TIMEOUT} s.") from None
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise SystemExit(f"{' '.join(command[:3])} failed: {' '.join(reason)}")
