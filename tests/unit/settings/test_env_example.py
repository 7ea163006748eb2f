"""`.env.example` is the list of settings that operators read, so it may not drift from the code."""

import re
from pathlib import Path

import pytest

from order_service.settings import Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"
SETTING = re.compile(r"^#([A-Z_]+)=(.*)$")
# Each stands for many variables, KAFKA_<an option of librdkafka> and those of OpenTelemetry, which
# the file explains in words.
OPEN_ENDED = {"kafka_config", "otel"}


def lines() -> list[str]:
    return EXAMPLE.read_text(encoding="utf-8").splitlines()


def listed() -> list[tuple[str, str]]:
    return [match.groups() for line in lines() if (match := SETTING.match(line))]


def test_env_example_lists_every_setting_once_in_the_order_of_the_class() -> None:
    names = [name.lower() for name, _ in listed()]
    assert names == [field for field in Settings.model_fields if field not in OPEN_ENDED]


@pytest.mark.parametrize(("name", "value"), listed())
def test_the_value_shown_in_env_example_is_the_default(name: str, value: str) -> None:
    field = name.lower()
    shown = Settings.load({name: value})
    assert getattr(shown, field) == Settings.model_fields[field].get_default()


@pytest.mark.parametrize("name", [name for name, _ in listed()])
def test_env_example_explains_a_setting_in_the_line_above_the_setting(name: str) -> None:
    at = next(n for n, line in enumerate(lines()) if line.startswith(f"#{name}="))
    assert re.match(r"^# \w.*[\w)]\.$", lines()[at - 1])


def test_a_copy_of_env_example_changes_nothing(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert Settings.load({}, copy) == Settings()
