"""Read the service's own variables from the environment, then from ``.env``.

In Kubernetes and behind Docker's links a Service called worker sets WORKER_PORT=tcp://10.0.0.7:3101
and more, in every container: such variables are left out. A name that is nearly a setting's name
looks like success and sets nothing: in ``.env``, which is the service's alone, such a name stops
the start; in the environment, which other programs share, such a name is logged.
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

from order_service.settings.errors import SettingsError

_KAFKA: Final = "KAFKA_"
_OTEL: Final = "OTEL_"
_OPTION: Final = re.compile(r"KAFKA_(?:(CONSUMER|PRODUCER)_)?([A-Z0-9_]+)")
_ALIKE: Final = 0.8
_LINK: Final = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Variables:
    """``values``: the values that are not empty, by name. ``unused``: names that set nothing, each
    with the setting that may be meant."""

    values: Mapping[str, str]
    unused: Mapping[str, str | None]


def read(environment: Mapping[str, str], dotenv: Path | None, names: Collection[str]) -> Variables:
    """``names``: the settings' names. librdkafka judges other names that begin with KAFKA_.

    Raises SettingsError for a file that can't be read, and for a misspelt name in the file.
    """
    own = without_links(environment)
    file = _from_file(dotenv) if dotenv else {}
    values = {name: value for name, value in {**file, **own}.items() if value}
    unused = {
        name: near(name, names, values)
        for name in values
        if name not in names and not name.startswith((_KAFKA, _OTEL))
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


def without_links(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that Kubernetes sets for its Services."""
    services = {
        name.removesuffix("_SERVICE_HOST")
        for name in environment
        if name.endswith("_SERVICE_HOST") and f"{name[:-5]}_PORT" in environment
    }
    return {
        name: value
        for name, value in environment.items()
        if not any(_is_link(name, value, service) for service in services)
    }


def _is_link(name: str, value: str, service: str) -> bool:
    if not name.startswith(f"{service}_"):
        return False
    # An operator who sets a port of that name writes a number.
    if name == f"{service}_PORT":
        return _LINK.match(value) is not None
    rest = name.removeprefix(f"{service}_")
    return re.fullmatch(r"SERVICE_(HOST|PORT(_.+)?)|PORT_\d+_.+", rest) is not None


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
