"""Traps: a process that comes to a named step kills or stops itself there.

The test sets a trap as a file; the process whose ports are wrapped finds it, takes it for itself
alone, leaves its process id, and obeys.
"""

import json
import os
import signal
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

Moment = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Trap:
    """``step``: the port and its method (``leases.acquire``). ``role``: api or worker. ``call``:
    which call of that step, counted in the process from the trap's setting on."""

    step: str
    moment: Moment
    signal: int
    role: str = "api"
    call: int = 1

    def __str__(self) -> str:
        return f"{self.moment} {self.step}"


@dataclass(frozen=True, slots=True)
class SetTrap:
    path: Path

    @property
    def caught(self) -> int | None:
        """The process that went into it."""
        try:
            return int(self.path.with_suffix(".caught").read_text())
        except FileNotFoundError:
            return None


class TrapFolder:
    """The test's side."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def set(self, trap: Trap) -> SetTrap:
        path = self.folder / f"{uuid4().hex}.set"
        _write(path, json.dumps(asdict(trap)))
        return SetTrap(path)

    def clear(self) -> None:
        for path in self.folder.glob("*.set"):
            path.unlink(missing_ok=True)


class Traps:
    """The trapped process's side."""

    def __init__(self, folder: Path, role: str) -> None:
        self._folder = folder
        self._role = role
        self._known: dict[str, Trap] = {}
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def around(self, name: str, port: Any) -> Any:
        """The port, with a look for traps before and after each call."""
        return _Wired(self, name, port)

    def step(self, step: str, moment: Moment) -> None:
        for name in os.listdir(self._folder):
            if name.endswith(".set") and self._is_meant(name, step, moment):
                self._go_into(self._folder / name)

    def _is_meant(self, name: str, step: str, moment: Moment) -> bool:
        trap = self._read(name)
        if trap is None or (trap.step, trap.moment, trap.role) != (step, moment, self._role):
            return False
        with self._lock:
            self._calls[name] += 1
            return self._calls[name] == trap.call

    def _read(self, name: str) -> Trap | None:
        if name not in self._known:
            try:
                self._known[name] = Trap(**json.loads((self._folder / name).read_text()))
            except FileNotFoundError:
                return None
        return self._known[name]

    def _go_into(self, path: Path) -> None:
        try:
            path.rename(path.with_suffix(".taken"))
        except FileNotFoundError:
            return
        _write(path.with_suffix(".caught"), str(os.getpid()))
        # To this very thread: one for the process may stop it a good many instructions later.
        signal.pthread_kill(threading.get_ident(), self._known[path.name].signal)


class _Wired:
    def __init__(self, traps: Traps, name: str, port: Any) -> None:
        self._traps = traps
        self._name = name
        self._port = port

    def __getattr__(self, name: str) -> Any:
        attribute, step = getattr(self._port, name), f"{self._name}.{name}"
        if not callable(attribute):
            return attribute

        def call(*args: Any, **options: Any) -> Any:
            self._traps.step(step, "before")
            result = attribute(*args, **options)
            self._traps.step(step, "after")
            return result

        return call


def _write(path: Path, text: str) -> None:
    # Under its name only when it is whole.
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text)
    unfinished.rename(path)
