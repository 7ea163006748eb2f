"""``order-service`` for each line of standard input, in a process forked for it: see
``tests.commands``. Prints each exit code."""

import json
import os
import signal
import sys
from typing import Any

from order_service import __main__ as program


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(json.loads(line))
            program.main()
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(asked: Any) -> None:
    """``asked``: the command's words and environment, the files of its output, and the seconds
    after which it is ended."""
    signal.alarm(asked["seconds"])
    for number, path in enumerate((os.devnull, asked["stdout"], asked["stderr"])):
        flags = os.O_WRONLY if number else os.O_RDONLY
        os.dup2(os.open(path, flags), number)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv[1:] = asked["words"]


if __name__ == "__main__":
    main()
