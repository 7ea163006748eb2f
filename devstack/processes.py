"""One part as an operating system process: started, watched, stopped, with a log of its own."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devstack import watchdog
from devstack.errors import PartFailed

_LOG_LIMIT = 10 * 1024 * 1024
# gunicorn's lines after the line with the cause.
_AFTERTHOUGHT = re.compile(r"HaltServer|exited with code|Reason: |Shutting down|\[INFO\]")
_TELLING = re.compile(r"error|exception|fatal|fail|cannot|can't|denied|no space|in use", re.I)
_POLL = 0.02


def last_telling_line(log: str) -> str:
    """The last line that tells of trouble, else the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    lines = [line for line in lines if not _AFTERTHOUGHT.search(line)] or lines
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["(its log is empty)"])[-1][:300]


class ManagedProcess:
    """A program that runs until ``stop``, ``kill``, or the end of this process, however it ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_path: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        telling: Callable[[str], str] = last_telling_line,
        patience: float = 10,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log_path = log_path
        self.env = dict(os.environ if env is None else env)
        self.cwd = cwd or Path.cwd()
        self.patience = patience
        self._telling = telling
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id of the program itself (also of its process group)."""
        if self._process is None:
            raise PartFailed(f"{self.name} was not started.")
        return self._process.pid

    @property
    def title(self) -> str:
        """The name as it stands inside a sentence."""
        return self.name[0].lower() + self.name[1:] if self.name.startswith("The ") else self.name

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """As in subprocess: negative for a signal, None while the program runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        if self.alive:
            return
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT:
            self.log_path.replace(self.log_path.with_suffix(".old.log"))
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = watchdog.launch(self.command, log.fileno(), self.env, str(self.cwd))

    def run(self) -> None:
        """Starts the program and waits for its end. Raises PartFailed unless the exit code is 0."""
        self.start()
        assert self._process is not None
        if self._process.wait() != 0:
            raise self.failure()
        self._bury()

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Waits for ``ready``; PartFailed if the program dies first, or after ``timeout`` s."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive:
                raise self.failure()
            if time.monotonic() > deadline:
                raise PartFailed(f"{self.name} was not ready after {timeout:g} s. {self.account()}")
            time.sleep(_POLL)

    def failure(self) -> PartFailed:
        """The error to raise when the program is found dead."""
        code = self.exit_code
        self._bury()
        if code == -signal.SIGKILL:
            return PartFailed(
                f"{self.name} was killed (SIGKILL). Run it again; if that recurs, the machine is "
                f"short of memory (log: {self.log_path})"
            )
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return PartFailed(f"{self.name} died ({how}). {self.account()}")

    def account(self) -> str:
        """The last telling line of this run, and the path of its log."""
        return f"It last said: {self._telling(self.log())} (log: {self.log_path})"

    def log(self) -> str:
        """The program's output since its last start."""
        with contextlib.suppress(OSError), self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")
        return ""

    def signal(self, number: int) -> None:
        """Signals the program alone, not its children."""
        if self.alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL for the program and all its children, at once."""
        if self._process:
            self._bury()

    def terminate(self) -> None:
        """SIGTERM for the program, without waiting."""
        self.signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for processes left after ``patience`` s. Safe to repeat."""
        if self._process is None:
            return
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.patience)
        self._bury()

    def shoot(self) -> None:
        """As ``kill``, but without waiting, so that a signal handler may call ``shoot``."""
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _bury(self) -> None:
        assert self._process is not None
        self.shoot()
        self._process.wait()
        watchdog.forget(self.pid)
