"""Try in a process of its own whether an API can be built from settings."""

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
    """Raises SettingsError with the reason. A child process builds, because building makes
    clients."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _build(settings, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as reasons:
        reason = reasons.read()
    if os.waitpid(child, 0)[1] != 0:
        raise SettingsError(reason or "no API can be built from these settings")


def _build(settings: Settings, writing: int) -> None:
    """Never returns."""
    code = 1
    try:
        signal.alarm(_AT_MOST)
        # The trial's log would read like the log of an API that serves.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        build_api(settings, connect(settings), Shared())
        code = 0
    except SettingsError as error:
        os.write(writing, str(error).encode())
    except Exception as error:  # noqa: BLE001  (the error's text could hold a secret)
        reason = f"no API can be built from these settings ({type(error).__name__})"
        os.write(writing, reason.encode())
    finally:
        os._exit(code)
