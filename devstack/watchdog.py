"""Ends every part when this process ends, even by SIGKILL.

One tiny shell process reads a pipe whose writing end only this process has. Each part's process
writes its process group to the pipe before it becomes the part's program; when the pipe closes, the
shell kills every group still registered. A group has the grandchildren too, works on macOS, and
doesn't depend on the thread that started the part, as PR_SET_PDEATHSIG does.
"""

import os
import subprocess
import threading
from collections.abc import Sequence

_WATCH = """
trap '' HUP INT TERM
groups=
while read -r change group; do
  kept=
  for known in $groups; do [ "$known" = "$group" ] || kept="$kept $known"; done
  groups=$kept
  if [ "$change" = + ]; then groups="$groups $group"; fi
done
for group in $groups; do kill -KILL "-$group"; done
"""
# The part's process registers itself before its program, so the program never runs unwatched.
_LAUNCH = 'echo "+ $$" >&0 && exec "$@" </dev/null'


class _Watchdog:
    def __init__(self) -> None:
        self.owner = os.getpid()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        assert self._shell.stdin is not None
        self.pipe = self._shell.stdin.fileno()
        os.register_at_fork(after_in_child=self._close_pipe)

    def alive(self) -> bool:
        return self.owner == os.getpid() and self._shell.poll() is None

    def _close_pipe(self) -> None:
        # A forked child that outlives this process would keep the pipe open.
        os.close(self.pipe)


_lock = threading.Lock()
_current: _Watchdog | None = None


def _watchdog() -> _Watchdog:
    global _current
    with _lock:
        if _current is None or not _current.alive():
            _current = _Watchdog()
        return _current


def launch(
    command: Sequence[str], log: int, env: dict[str, str], cwd: str
) -> subprocess.Popen[bytes]:
    """Starts ``command`` in a process group of its own that dies with this process."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _LAUNCH, "part", *command],
        stdin=_watchdog().pipe,
        stdout=log,
        stderr=log,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )


def forget(group: int) -> None:
    """Call it once no process of the group is left, before its number can be used again."""
    os.write(_watchdog().pipe, f"- {group}\n".encode())
