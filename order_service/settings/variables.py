"""Read the service's own variables from the environment, then from ``.env``.

What Kubernetes sets in every container for a service is left out, and what OpenTelemetry reads is
not judged. A name that is nearly a setting's name looks like success and sets nothing: in ``.env``,
which is the service's alone, such a name stops the start; in the environment, which other programs
share, such a name is logged.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from order_service.settings import secret_files
from order_service.settings.errors import SettingsError
from order_service.settings.links import is_link

_OTEL: Final = "OTEL_"
# What begins so is judged by librdkafka, and by OpenTelemetry.
_OTHERS: Final = ("KAFKA_", _OTEL)
_OPTION: Final = re.compile(r"KAFKA_(?:(CONSUMER|PRODUCER)_)?([A-Z0-9_]+)")
_ALIKE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Variables:
    """``values``: the values that are not empty, by name. ``unused``: names that set nothing, each
    with the setting that may be meant."""

    values: Mapping[str, str]
    unused: Mapping[str, str | None]


def read(
    environment: Mapping[str, str],
    dotenv: Path | None,
    names: Collection[str],
    secrets: Collection[str],
) -> Variables:
    """``names``: the settings' names; ``secrets``: those of them that may be given as NAME_FILE.

    Raises SettingsError for a file that can't be read, and for a misspelt name in ``.env``.
    """
    own = {name: value for name, value in environment.items() if not is_link(name, value)}
    file = _from_file(dotenv) if dotenv else {}
    given = {name: value for name, value in {**file, **own}.items() if value}
    values = secret_files.with_files(given, secrets)
    meant_names = {*names, *secret_files.names(secrets)}
    unused = {
        name: near(name, meant_names, given)
        for name in values
        if name not in names and not name.startswith(_OTHERS)
    }
    for name, meant in unused.items():
        if meant and name in file and name not in own:
            raise SettingsError(
                f"Bad setting: {name}: there is no such setting, and .env has it. Is {meant} "
                "meant? See .env.example."
            )
    reported = {name: meant for name, meant in unused.items() if meant or name not in own}
    return Variables(values, reported)


def librdkafka_options(
    values: Mapping[str, str], names: Collection[str]
) -> dict[str, dict[str, str]]:
    """``KAFKA_CONSUMER_FETCH_MIN_BYTES`` → ``{"consumer": {"fetch.min.bytes": …}}``."""
    options: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        match = _OPTION.fullmatch(name)
        if match and name not in names:
            scope, option = (match[1] or "common").lower(), match[2].lower().replace("_", ".")
            options.setdefault(scope, {})[option] = value
    return options


def otel_variables(values: Mapping[str, str]) -> dict[str, str]:
    """OpenTelemetry's own variables, which its packages read and judge."""
    return {name: value for name, value in values.items() if name.startswith(_OTEL)}


def near(name: str, names: Collection[str], given: Collection[str] = ()) -> str | None:
    """The one of ``names`` that may be meant by ``name``: nearly the same, and not in ``given``."""
    matches = get_close_matches(name.upper(), names, n=1, cutoff=_ALIKE)
    return next((match for match in matches if match not in given), None)


def _from_file(dotenv: Path) -> dict[str, str | None]:
    try:
        if not dotenv.is_file():
            return {}
        text = dotenv.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        cause = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError(f"Bad setting: {dotenv.name} can't be read: {cause}.") from None
    for line in parse_stream(StringIO(text)):
        if line.error or (line.key is not None and line.value is None):
            raise SettingsError(
                f"Bad setting: {dotenv.name}: line {line.original.line} is not NAME=value, or its "
                "quotes don't end. See .env.example."
            )
    return dotenv_values(stream=StringIO(text))
