"""What a running ``make run`` tells of its parts, so that a command beside it finds them."""

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

NOTICE: Final = ".data/run.json"
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def folder_of_settings() -> Path:
    """Where ``.env`` and what ``make run`` tells are looked for: in the current folder, or, in the
    checkout that this program is of, in the nearest folder above that has one of them.

    Never above the checkout: what lies there is somebody else's.
    """
    here = Path.cwd()
    inside = [each for each in (here, *here.parents) if each.is_relative_to(_CHECKOUT)]
    return next((each for each in inside if _has_settings(each)), here)


def _has_settings(folder: Path) -> bool:
    return (folder / ".env").is_file() or (folder / NOTICE).is_file()


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
