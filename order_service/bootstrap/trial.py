"""Whether an API can be built from settings, tried where nothing else can come to harm."""

import os
import signal
import sys
from typing import Final

from order_service.bootstrap.api import build_api
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import Settings, SettingsError

_AT_MOST: Final = 30


def require_buildable(settings: Settings) -> None:
    """In a process of its own, for it makes clients. Raises SettingsError with the reason."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        _build(settings, tell)
    os.close(tell)
    with os.fdopen(told, encoding="utf-8") as reasons:
        reason = reasons.read()
    if os.waitpid(child, 0)[1] != 0:
        raise SettingsError(reason or "no API can be built from them")


def _build(settings: Settings, tell: int) -> None:
    """Never returns."""
    code = 1
    try:
        signal.alarm(_AT_MOST)
        # Its log would read as that of an API that serves.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        build_api(settings, connect(settings), Shared())
        code = 0
    except SettingsError as error:
        os.write(tell, str(error).encode())
    except Exception as error:  # noqa: BLE001  (its text could hold a secret)
        os.write(tell, f"no API can be built from them ({type(error).__name__})".encode())
    finally:
        os._exit(code)
