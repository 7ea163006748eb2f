"""The notice of a running ``make run``, by which a command beside it finds its servers."""

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

NOTICE: Final = ".data/run.json"
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def folder_of_settings() -> Path:
    """The folder of ``.env`` and of the notice of ``make run``: the current folder, or, within this
    program's checkout, the nearest folder above that has one of the two.

    Never above the checkout: files there are somebody else's.
    """
    here = Path.cwd()
    inside = [each for each in (here, *here.parents) if each.is_relative_to(_CHECKOUT)]
    return next((each for each in inside if _has_settings(each)), here)


def _has_settings(folder: Path) -> bool:
    return (folder / ".env").is_file() or (folder / NOTICE).is_file()


def settings_of_make_run(notice: Path) -> Mapping[str, str]:
    """``{"settings": {NAME: value}}`` of the file; empty unless its writer still locks the file.

    Only a checkout has such a file, so the file means nothing in production.
    """
    try:
        with notice.open(encoding="utf-8") as file:
            found = json.load(file)["settings"].items()
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return {name: value for name, value in found if isinstance(value, str)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {}
