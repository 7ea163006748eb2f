"""The settings as every process loads them."""

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
    told: set[str] | None = None,
) -> Settings:
    """``dotenv``: where it is not looked for from the current folder on.

    Tells of variables that look like settings and are none, but for those in ``told``, and adds
    them there. Raises SettingsError.
    """
    dotenv = dotenv or folder_of_settings() / ".env"
    given = variables.read(environment, dotenv, Settings.names())
    beside = settings_of_make_run(dotenv.parent / NOTICE)
    # An empty value goes before them, as it goes before .env's.
    parts = {name: value for name, value in beside.items() if name not in environment}
    settings = Settings.of(replace(given, values={**parts, **given.values}))
    logs.configure(settings.log_level)
    _tell(given.unused, set() if told is None else told)
    return settings


def _tell(unused: Mapping[str, str | None], told: set[str]) -> None:
    for name, meant in unused.items():
        if name not in told:
            structlog.get_logger().warning("variable_is_no_setting", name=name, meant=meant)
    told.update(unused)
