"""CPU and memory of a service: of all its processes and their descendants."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_WINDOW = 0.5
# The share of one core that an idle service may use.
_IDLE = 0.05


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and their living descendants."""
    found = []
    for pid in roots:
        children: list[int] = []
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                children += map(int, path.read_text(encoding="ascii").split())
            found += [pid, *tree(children)]
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time up to now, with that of ended children."""
    return sum(_ticks(pid) for pid in tree(roots)) / _TICKS_A_SECOND


def _ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return 0


def resident(roots: Iterable[int]) -> list[int]:
    """Bytes of each process, the largest first."""
    return sorted(filter(None, map(_resident, tree(roots))), reverse=True)


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


class Others:
    """The share of the machine that other programs have used since this object was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._all, self._own = _busy_seconds(), cpu_seconds([os.getpid()])

    def share(self) -> float:
        """The share of all cores used by neither this process nor its descendants."""
        busy, own = _busy_seconds() - self._all, cpu_seconds([os.getpid()]) - self._own
        seconds = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return max(0.0, (busy - own) / seconds)


def _busy_seconds() -> float:
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    user, nice, system, _, _, *more = map(int, first.split()[1:9])
    return (user + nice + system + sum(more)) / _TICKS_A_SECOND


def await_rest(roots: list[int], settled: Callable[[], bool], timeout: float) -> bool:
    """Whether the service came to rest: no work left in its store, and next to no CPU."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        before = cpu_seconds(roots)
        time.sleep(_WINDOW)
        if cpu_seconds(roots) - before <= _IDLE * _WINDOW and settled():
            return True
    return False
