"""``order-service``: what it runs, and how it says that something went wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from order_service.domain.errors import StoreUnavailable
from order_service.interface import cli
from order_service.settings import SettingsError


class Composition:
    """Stands in for the composition root."""

    def __init__(self, exit_code: int = 0, error: Exception | None = None) -> None:
        self.ran: list[str] = []
        self._exit_code = exit_code
        self._error = error

    def migrate(self) -> None:
        self._run("migrate")

    def run_worker(self) -> int:
        self._run("worker")
        return self._exit_code

    def dead_letters(self) -> Any:
        raise NotImplementedError

    def _run(self, name: str) -> None:
        self.ran.append(name)
        if self._error:
            raise self._error


def run(compose: Callable[[], Any], *arguments: str) -> int:
    with pytest.raises(SystemExit) as exited:
        cli.run(compose, list(arguments))
    code = exited.value.code
    assert isinstance(code, int)
    return code


def nobody() -> Any:
    raise AssertionError("nothing is composed for this")


def test_migrate_says_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    composition = Composition()
    assert run(lambda: composition, "migrate") == 0
    assert composition.ran == ["migrate"]
    assert capsys.readouterr().out == "The database is up to date.\n"


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_workers_exit_code_is_the_commands(exit_code: int) -> None:
    composition = Composition(exit_code)
    assert run(lambda: composition, "worker") == exit_code
    assert composition.ran == ["worker"]


@pytest.mark.parametrize(
    "error",
    [SettingsError("Bad setting: PORT: is no number."), StoreUnavailable("The store is away.")],
)
def test_what_was_to_be_expected_is_one_line(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda: Composition(error=error), "migrate") == 1
    assert capsys.readouterr() == ("", f"{error}\n")


def test_a_bad_setting_is_one_line_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def compose() -> Any:
        raise SettingsError("Bad setting: PORT: is no number.")

    assert run(compose, "worker") == 1
    assert capsys.readouterr().err == "Bad setting: PORT: is no number.\n"


def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: Composition(error=ZeroDivisionError()), ["migrate"])


@pytest.mark.parametrize(
    ("arguments", "taught"),
    [
        (["--help"], ["migrate", "worker", ".env.example", "gunicorn wsgi:app"]),
        (["-h"], ["migrate", "worker"]),
        (["migrate", "--help"], ["indexes", "safe to repeat"]),
        (["worker", "--help"], ["SIGTERM", "Several may run"]),
    ],
)
def test_help_teaches_and_needs_no_settings(
    arguments: list[str], taught: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(nobody, *arguments) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert [words for words in taught if words not in text] == []


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nobody, "migrat") == 2
    assert "No such command 'migrat'" in capsys.readouterr().err
