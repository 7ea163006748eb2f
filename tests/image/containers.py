"""Containers of the images that tools/test-image.sh has built, run by buildah."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from devstack.processes import ManagedProcess


def buildah(storage: Path, *arguments: str) -> list[str]:
    place = ("--root", str(storage / "storage"), "--runroot", str(storage / "run"))
    return ["buildah", *place, "--storage-driver", "vfs", *arguments]


class Container:
    """One file system of an image, in which commands run, with the host's network."""

    def __init__(self, storage: Path, image: str, settings: dict[str, str]) -> None:
        self._storage = storage
        self._settings = settings
        create = buildah(storage, "from", "--pull-never", f"localhost/{image}")
        self.name = _output(create)
        config = json.loads(_output(buildah(storage, "inspect", self.name)))["Docker"]["config"]
        self.default_command: list[str] = config["Cmd"]
        self.health_check: list[str] = config.get("Healthcheck", {}).get("Test", [])[1:]

    def _command(self, *command: str) -> list[str]:
        settings = (f"--env={name}={value}" for name, value in self._settings.items())
        return buildah(
            self._storage, "run", "--isolation", "chroot", *settings, self.name, "--", *command
        )

    def start(self, *command: str, log: Path) -> "Process":
        """Runs it in the background; it ends with the tests."""
        return Process(ManagedProcess(" ".join(command), self._command(*command), log))

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Runs it to its end."""
        return subprocess.run(
            self._command(*command), capture_output=True, text=True, check=False, timeout=60
        )


class Process:
    """A command in a container. buildah itself answers SIGTERM by killing what it runs."""

    def __init__(self, buildah_run: ManagedProcess) -> None:
        self._outer = buildah_run
        self._outer.start()

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        self._outer.wait_until(ready, timeout)

    def stop(self, timeout: float) -> int:
        """SIGTERM to the command, as an engine sends it; its exit code."""
        os.kill(self._innermost(), signal.SIGTERM)
        self._outer.wait_until(lambda: not self._outer.alive, timeout)
        code = self._outer.exit_code
        assert code is not None
        return code

    def kill(self) -> None:
        self._outer.kill()

    def log(self) -> str:
        return self._outer.log()

    def _innermost(self) -> int:
        """The first process below buildah's own ones."""
        pid = self._outer.pid
        while _name(pid).startswith(("buildah", "memfd:buildah")):
            pid = next(_children(pid))
        return pid


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
