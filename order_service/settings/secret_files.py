"""Secrets in files: NAME_FILE names the file that holds the value of NAME, for every NAME whose
value is secret. No error repeats a path: somebody may have given the secret in its place."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from order_service.settings.certificates import require_file
from order_service.settings.errors import SettingsError

_FILE: Final = "_FILE"
_LARGEST: Final = 64 * 1024
_SECRET_OPTION: Final = re.compile(
    r"password|passphrase|secret|pem|token|jaas|assertion|oauthbearer\.config"
)
# With which credentials OpenTelemetry exports.
_HEADERS: Final = re.compile(r"OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?HEADERS")
# Other programs' variables begin with KAFKA_ too, and their files are not ours to read.
_OPTION: Final = re.compile(r"KAFKA_(?:CONSUMER_|PRODUCER_)?((?:SASL|SSL|HTTPS)_\w+)")
# With .file behind them these are options of librdkafka, which reads the files itself.
_READ_BY_LIBRDKAFKA: Final = re.compile(r".*\.assertion(\.private\.key|\.jwt\.template)?")


def is_secret(option: str) -> bool:
    """Whether the value of an option of librdkafka may be secret."""
    return _SECRET_OPTION.search(option) is not None


def names(secrets: Collection[str]) -> set[str]:
    """MONGO_URI → MONGO_URI_FILE."""
    return {name + _FILE for name in secrets}


def with_files(values: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """The values, with NAME in place of each NAME_FILE.

    ``secrets``: the names of the settings whose values are secret; those of librdkafka and of
    OpenTelemetry are known here. Raises SettingsError when both are given, and for a file that
    holds no value.
    """
    read = dict(values)
    for variable in values:
        name = variable.removesuffix(_FILE)
        if name == variable or not (name in secrets or _is_secret_of_others(name)):
            continue
        if name in values:
            raise SettingsError(
                f"Bad setting: {variable}: {name} is set too: keep one of them. See .env.example."
            )
        try:
            read[name] = _content(Path(read.pop(variable)))
        except ValueError as error:
            raise SettingsError(f"Bad setting: {variable}: {error}. See .env.example.") from None
    return read


def _is_secret_of_others(name: str) -> bool:
    match = _OPTION.fullmatch(name)
    if match is None:
        return _HEADERS.fullmatch(name) is not None
    option = match[1].lower().replace("_", ".")
    return is_secret(option) and not _READ_BY_LIBRDKAFKA.fullmatch(option)


def _content(path: Path) -> str:
    """Raises ValueError, which says what is wrong with the file."""
    require_file(path)
    try:
        with path.open("rb") as file:
            found = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"can't be read ({error.strerror})") from None
    if len(found) > _LARGEST:
        raise ValueError(f"names a file of more than {_LARGEST // 1024} KiB, which no secret has")
    try:
        text = found.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("names a file that holds no text in UTF-8")
    if not text:
        raise ValueError("names an empty file")
    return text
