"""What `make install` installs depends on the clone alone, with any pip that a Python brings."""

import functools
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.kafka_runtime import cache_dir
from devstack.ports import free_port
from tests.install.clone import PINNED, Clone, index
from tests.install.package_index import BROKEN, PackageIndex, file_name

# Of Debian 12's Python, of 3.11.7 and 3.12.1, and the newest; with the hashes of their wheels.
PIPS = {
    "23.0.1": "236bcb61156d76c4b8a05821b988c7b8c35bf0da28a4b614e8d6ab5212c25c6f",
    "23.2.1": "7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be",
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}


RUNNING_HERE = [pip for pip in PIPS if pip != "23.0.1" or sys.version_info < (3, 12)]
NEWEST = RUNNING_HERE[-1]


def wheel_of(pip: str) -> Path:
    """Downloaded once for each user."""
    folder = cache_dir() / "pips"
    path = folder / file_name("pip", pip)
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != PIPS[pip]:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(folder), f"pip=={pip}"], check=True)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == PIPS[pip]
    return path


@pytest.fixture(scope="session")
def pips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpacked, and compiled at their first use, once for all tests."""

    @functools.cache
    def unpacked(pip: str) -> Path:
        folder = tmp_path_factory.mktemp("pip")
        with zipfile.ZipFile(wheel_of(pip)) as wheel:
            wheel.extractall(folder)
        return folder

    return unpacked


@pytest.fixture
def packages() -> Iterator[PackageIndex]:
    with index() as packages:
        yield packages


@pytest.fixture
def clone_with(
    pips: Callable[[str], Path], packages: PackageIndex, tmp_path: Path
) -> Callable[[str], Clone]:
    return lambda pip: Clone(tmp_path / "clone", packages, pips(pip))


@pytest.fixture
def clone(clone_with: Callable[[str], Clone]) -> Clone:
    return clone_with(NEWEST)


@pytest.mark.parametrize("pip", RUNNING_HERE)
def test_the_pinned_releases_are_installed_though_every_package_has_a_newer_one(
    clone_with: Callable[[str], Clone], packages: PackageIndex, pip: str
) -> None:
    clone = clone_with(pip)
    done = clone.install()

    assert (done.returncode, done.stderr) == (0, "")
    assert clone.installed() == {**PINNED, "project": "1"}
    assert [name for name in packages.asked if BROKEN in name] == []

    packages.asked.clear()
    assert clone.install().stdout == ""
    assert packages.asked == []


def test_a_package_that_is_no_longer_pinned_is_uninstalled(clone: Clone) -> None:
    clone.install()
    clone.pin("fake-builder", "fake-cov", "fake-coverage")

    assert clone.install().returncode == 0
    assert "fake-tool" not in clone.installed()


def test_packages_outside_the_virtual_environment_do_not_count_as_installed(
    clone: Clone, tmp_path: Path
) -> None:
    clone.install()
    elsewhere = next(clone.folder.glob(".venv/lib/python*/site-packages")).rename(tmp_path / "lib")

    assert clone.install(PYTHONPATH=str(elsewhere), PIP_TARGET=str(tmp_path)).returncode == 0
    assert clone.installed() == {**PINNED, "project": "1"}


def no_hash(clone: Clone) -> None:
    clone.pin("fake-builder", "fake-cov", "fake-coverage")
    with (clone.folder / "requirements-dev.txt").open("a") as pins:
        pins.write("fake-tool==2.0\n")


def another_content(clone: Clone) -> None:
    clone.pin(*PINNED, hashes={"fake-tool": "0" * 64})


def not_published(clone: Clone) -> None:
    with (clone.folder / "requirements-dev.txt").open("a") as pins:
        pins.write(f"fake-tomli==1.0 --hash=sha256:{'0' * 64}\n")


def nobody_answers(clone: Clone) -> None:
    clone.index_url = f"http://127.0.0.1:{free_port()}/simple/"


def does_not_fit(clone: Clone) -> None:
    clone.require("fake-cov>=7")


def is_missing(clone: Clone) -> None:
    clone.pin("fake-builder", "fake-cov")


def said_by(clone: Clone) -> str:
    """The one line that its failing install ends with."""
    done = clone.install()
    assert done.returncode == 1
    assert done.stderr.startswith("make install: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("pip", [RUNNING_HERE[0], NEWEST])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_hash, ["fake-tool==2.0", "--hash=sha256:", "Mend that"]),
        (another_content, ["fake-tool==2.0", "0" * 64, "another index or network"]),
        (not_published, ["fake-tomli==1.0", "another index"]),
        (nobody_answers, ["can't be reached: [Errno 111] Connection refused. Check the network"]),
    ],
)
def test_an_error_of_pip_is_one_line_with_the_cause_and_the_remedy(
    clone_with: Callable[[str], Clone], pip: str, spoil: Callable[[Clone], None], words: list[str]
) -> None:
    spoil(clone := clone_with(pip))
    line = said_by(clone)
    assert [word for word in words if word not in line] == [], line


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (does_not_fit, "fake-cov>=7, but you have fake-cov 6.0. Pin them again: make requirements"),
        (is_missing, "fake-cov 6.0 requires fake-coverage, which is not installed. Pin them again"),
    ],
)
def test_pins_that_do_not_fit_together_are_named_each_time_and_can_be_mended(
    clone: Clone, spoil: Callable[[Clone], None], words: str
) -> None:
    spoil(clone)
    assert words in said_by(clone)
    assert words in said_by(clone)
    assert clone.install(CHECK="no").returncode == 0


def test_a_folder_that_cannot_be_written_is_named(clone: Clone) -> None:
    (clone.folder / ".data").symlink_to("/proc")
    assert f"cannot write to {clone.folder}: the folder is read-only" in said_by(clone)
