"""Load the settings, in every process alike."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from order_service.bootstrap.make_run import NOTICE, folder_of_settings, settings_of_make_run
from order_service.infrastructure.telemetry import logs
from order_service.settings import Settings, variables


def load_settings(
    environment: Mapping[str, str] = os.environ,
    dotenv: Path | None = None,
    warned: set[str] | None = None,
) -> Settings:
    """``dotenv``: the file to read; None: the file that is found from the current folder on.

    Logs a warning for each variable that looks like a setting and is none, unless ``warned`` has
    the variable, and adds the variable to ``warned``. Raises SettingsError.
    """
    dotenv = dotenv or folder_of_settings() / ".env"
    given = variables.read(environment, dotenv, Settings.names(), Settings.secrets())
    beside = settings_of_make_run(dotenv.parent / NOTICE)
    # An empty variable overrides these values, as it overrides .env's.
    parts = {name: value for name, value in beside.items() if name not in environment}
    settings = Settings.of(replace(given, values={**parts, **given.values}))
    logs.configure(settings.log_level)
    _warn(given.unused, set() if warned is None else warned)
    return settings


def _warn(unused: Mapping[str, str | None], warned: set[str]) -> None:
    for name, meant in unused.items():
        if name not in warned:
            structlog.get_logger().warning("variable_is_no_setting", name=name, meant=meant)
    warned.update(unused)
