"""Behind ``make run``: starts the stack, watches it, and leaves nothing behind."""

import contextlib
import errno
import os
import select
import shutil
import signal
import stat
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from devstack.banner import banner
from devstack.checks import check
from devstack.configuration import Configuration
from devstack.errors import DevstackError
from devstack.kafka_runtime import cache_dir
from devstack.notice import Notice, only_one
from devstack.stack import Stack

_DATA = Path(".data")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WATCH_SECONDS = 0.2


class StopAsked(BaseException):
    """Somebody pressed Ctrl-C, sent SIGTERM, or closed the terminal."""


def say(line: str) -> None:
    """Prints a line for a person, who may have closed the terminal by now."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> int:
    """The exit code: 0 after a stop that was asked for, 1 after one line with the failure."""
    try:
        _stop_on_signals()
        if not Path("wsgi.py").is_file():
            raise DevstackError("There is no wsgi.py here: run it from the project's own folder.")
        with only_one(_DATA) as notice:
            _run(notice)
    except StopAsked:
        say("Stopped.")
        return 0
    except DevstackError as error:
        return _failed(_short_of_room() + str(error))
    except OSError as error:
        return _failed(_in_words(error))


def _run(notice: Notice) -> NoReturn:
    started = time.monotonic()
    parent = os.getppid()
    configuration = Configuration.load(os.environ, Path())
    check(configuration)
    stack = Stack(configuration, _DATA, say)
    try:
        stack.start()
        notice.write(stack.settings)
        say(banner(stack, time.monotonic() - started))
        _watch(stack, parent)
    except StopAsked:
        say("\nStopping (Ctrl-C again: at once)")
        raise
    finally:
        _stop(stack)


def _watch(stack: Stack, parent: int) -> NoReturn:
    terminal = _terminal()
    while True:
        stack.check()
        # A killed make can't pass on a Ctrl-C.
        if "MAKELEVEL" in os.environ and os.getppid() != parent:
            raise StopAsked
        # The kernel signals a closed terminal only to its first program; if that program is make,
        # make does not pass the signal on.
        if terminal.poll(_WATCH_SECONDS * 1000):
            raise StopAsked


def _terminal() -> select.poll:
    """A poll that reports when this process's terminal, if any, is closed."""
    poll = select.poll()
    # By S_ISCHR: isatty() is false for a closed terminal, and no other device hangs up.
    terminals = [fd for fd in (0, 1, 2) if stat.S_ISCHR(os.fstat(fd).st_mode)]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        for fd in terminals:
            # 0 asks for no event; a hang-up is reported all the same.
            poll.register(fd, 0)
    return poll


def _stop(stack: Stack) -> None:
    def hurry(_: int, __: FrameType | None) -> None:
        stack.hurry()

    for number in _SIGNALS:
        signal.signal(number, hurry)
    stack.stop()


def _stop_on_signals() -> None:
    def ask(_: int, __: FrameType | None) -> NoReturn:
        raise StopAsked

    for number in _SIGNALS:
        # SIGHUP stays ignored under nohup.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ask)


def _failed(reason: str) -> int:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"make run: {' '.join(reason.split())}\n")
    return 1


def _short_of_room() -> str:
    """A text that goes before any failure, as a full disk has many symptoms; empty with room."""
    for folder in (_DATA, cache_dir()):
        while not folder.exists():
            folder = folder.parent
        # MongoDB's journal alone takes 100 MB when it begins a new file.
        free = shutil.disk_usage(folder).free // 1_000_000
        if free < 200:
            return f"Only {free} MB are left on the disk of {folder}/: make room. "
    return ""


def _in_words(error: OSError) -> str:
    place = error.filename or Path.cwd()
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{place} can't be written: {error.strerror}. Run it in a folder that you may write."
    if error.errno == errno.ENOSPC:
        return f"The disk is full ({place}): make room and run it again; nothing is lost."
    return f"{place}: {error.strerror or error}"
