"""Secrets in files: NAME_FILE for each setting whose value may hold a password."""

from pathlib import Path

import pytest

from order_service.infrastructure.kafka import options
from order_service.settings import Settings, SettingsError
from order_service.settings.secret_files import is_secret

SECRET = "hunter2"
VALUES = {
    "MONGO_URI": f"mongodb://shop:{SECRET}@mongo.test/",
    "REDIS_URL": f"redis://:{SECRET}@redis.test/0",
    "INVENTORY_SERVICE_URL": f"https://shop:{SECRET}@inventory.test",
    "AUTH_JWKS_URL": f"https://shop:{SECRET}@issuer.test/keys",
}
ISSUER = {"AUTH_ISSUER": "https://issuer.test", "AUTH_AUDIENCE": "orders"}
# librdkafka reads these files by itself.
OWN_FILES = [name for name in options._NAMES if name.endswith(".file")]


def written(folder: Path, content: str | bytes) -> str:
    path = folder / "secret"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_every_secret_setting_is_tried_here() -> None:
    assert Settings.secrets() == VALUES.keys()


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_in_a_file_is_worth_what_a_secret_in_the_environment_is(
    name: str, end: str, tmp_path: Path
) -> None:
    others = ISSUER if name == "AUTH_JWKS_URL" else {}
    path = written(tmp_path, VALUES[name] + end)
    assert Settings.load({f"{name}_FILE": path, **others}) == Settings.load(
        {name: VALUES[name], **others}
    )


@pytest.mark.parametrize("kind", ["", "CONSUMER_", "PRODUCER_"])
@pytest.mark.parametrize("option", [name for name in options._NAMES if is_secret(name)])
def test_each_secret_option_of_librdkafka_may_stand_in_a_file(
    option: str, kind: str, tmp_path: Path
) -> None:
    name = f"KAFKA_{kind}{option.upper().replace('.', '_')}"
    lines = "-----BEGIN KEY-----\nhunter2\n-----END KEY-----\n"
    given = Settings.load({f"{name}_FILE": written(tmp_path, lines + "\n")})
    assert given == Settings.load({name: lines})


def test_the_headers_with_which_traces_are_exported_may_stand_in_a_file(tmp_path: Path) -> None:
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        given = Settings.load({f"{name}_FILE": written(tmp_path, "api-key=hunter2\n")})
        assert given == Settings.load({name: "api-key=hunter2"})


@pytest.mark.parametrize("option", OWN_FILES)
def test_a_file_that_librdkafka_reads_by_itself_stays_an_option(
    option: str, tmp_path: Path
) -> None:
    path = written(tmp_path, SECRET)
    given = Settings.load({f"KAFKA_{option.upper().replace('.', '_')}": path})
    assert given.kafka_config == {"common": {option: path}}


@pytest.mark.parametrize(
    "name", ["KAFKA_CLIENT_PASSWORDS_FILE", "KAFKA_ZOOKEEPER_PASSWORD_FILE", "DB_PASSWORD_FILE"]
)
def test_another_programs_file_of_a_secret_is_not_read(name: str) -> None:
    Settings.load({name: "/absent"})


def test_a_file_that_the_env_file_names_is_read(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"MONGO_URI_FILE={written(tmp_path, VALUES['MONGO_URI'])}\n")
    assert Settings.load({}, dotenv).mongo_uri == VALUES["MONGO_URI"]
    # An empty value counts as not set, and goes before the file.
    assert Settings.load({"MONGO_URI_FILE": ""}, dotenv) == Settings()


BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "names an empty file"),
    "a line break": ("\n", "names an empty file"),
    "too large": ("x" * (64 * 1024 + 1), "more than 64 KiB"),
    "not UTF-8": (b"\xff\xfehunter2", "no text in UTF-8"),
    "binary": (b"hunter2\x00", "no text in UTF-8"),
}


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.load(environment)
    [line] = str(refused.value).splitlines()
    assert SECRET not in line
    return line


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["MONGO_URI", "KAFKA_SASL_PASSWORD"])
def test_a_file_without_a_usable_secret_is_one_line_that_names_the_variable(
    name: str, bad: str, tmp_path: Path
) -> None:
    content, words = BAD[bad]
    line = refusal({f"{name}_FILE": written(tmp_path, content)})
    assert line.startswith(f"Bad setting: {name}_FILE: ")
    assert words in line


def test_a_path_that_is_none_is_one_line_that_does_not_repeat_it(tmp_path: Path) -> None:
    """Somebody may have given the secret in its place."""
    for path in (f"/absent/{SECRET}", SECRET, VALUES["MONGO_URI"], "x" * 5000, "\udc80"):
        assert refusal({"MONGO_URI_FILE": path}).startswith("Bad setting: MONGO_URI_FILE: ")
    assert "not the path of a file" in refusal({"MONGO_URI_FILE": str(tmp_path)})


@pytest.mark.parametrize("name", ["MONGO_URI", "KAFKA_SASL_PASSWORD"])
def test_a_secret_that_is_given_twice_is_one_line_that_names_both(
    name: str, tmp_path: Path
) -> None:
    path = written(tmp_path, VALUES["MONGO_URI"])
    line = refusal({name: VALUES["MONGO_URI"], f"{name}_FILE": path})
    assert line == (
        f"Bad setting: {name}_FILE: {name} is set too: keep one of them. See .env.example."
    )


def test_a_bad_secret_in_a_file_is_one_line_without_the_secret(tmp_path: Path) -> None:
    path = written(tmp_path, f"mongo://shop:{SECRET}@mongo.test")
    assert refusal({"MONGO_URI_FILE": path}).startswith("Bad setting: MONGO_URI: ")


def test_a_misspelt_file_of_a_secret_is_told(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MONGO_URL_FILE=/run/secrets/mongo\n")
    with pytest.raises(SettingsError, match="Is MONGO_URI_FILE meant"):
        Settings.load({}, dotenv)
