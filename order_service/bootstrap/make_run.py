"""What a running ``make run`` tells of its parts, so that a command beside it finds them."""

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path


def settings_of_make_run(notice: Path) -> Mapping[str, str]:
    """``{"settings": {NAME: value}}`` of the file; empty unless its writer still has it locked.

    Only in a checkout is there such a file, so that it means nothing in production.
    """
    try:
        with notice.open(encoding="utf-8") as file:
            told = json.load(file)["settings"].items()
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return {name: value for name, value in told if isinstance(value, str)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {}
