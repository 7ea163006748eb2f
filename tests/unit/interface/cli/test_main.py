"""``order-service``: what it runs, and how it says that something went wrong."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from order_service.domain.errors import StoreUnavailable
from order_service.interface.cli import main as cli
from order_service.settings import SettingsError


class Composition:
    """Stands in for the composition root."""

    def __init__(self, exit_code: int = 0, error: BaseException | None = None) -> None:
        self.ran: list[str] = []
        self._exit_code = exit_code
        self._error = error

    def migrate(
        self, done: Callable[[str], None], going_on: Callable[[str], None], resolve_doubles: bool
    ) -> None:
        self._run("migrate --resolve-doubles" if resolve_doubles else "migrate")
        done("Index orders.list: made.")
        going_on("5 of 10")

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
    said = capsys.readouterr()
    assert said.out == "Index orders.list: made.\nThe database is up to date.\n"
    assert said.err == "5 of 10\n"


def test_migrate_changes_doubles_only_where_that_is_asked_for() -> None:
    composition = Composition()
    assert run(lambda: composition, "migrate", "--resolve-doubles") == 0
    assert composition.ran == ["migrate --resolve-doubles"]


def test_an_interrupted_migrate_says_what_goes_on_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    composition = Composition(error=KeyboardInterrupt())
    assert run(lambda: composition, "migrate") == cli.INTERRUPTED
    said = capsys.readouterr()
    assert "up to date" not in said.out
    for words in ("goes on", "run `order-service migrate` again"):
        assert words in said.err


@pytest.mark.parametrize("exit_code", [0, 1])
def test_the_workers_exit_code_is_that_of_the_worker_command(exit_code: int) -> None:
    composition = Composition(exit_code)
    assert run(lambda: composition, "worker") == exit_code
    assert composition.ran == ["worker"]


@pytest.mark.parametrize(
    "error",
    [SettingsError("Bad setting: PORT: is no number."), StoreUnavailable("The store is away.")],
)
def test_an_expected_error_of_a_command_is_one_line_without_a_traceback(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda: Composition(error=error), "migrate") == 1
    assert capsys.readouterr() == ("", f"{error}\n")


def test_a_bad_setting_ends_a_command_with_one_line_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def compose() -> Any:
        raise SettingsError("Bad setting: PORT: is no number.")

    assert run(compose, "worker") == 1
    assert capsys.readouterr().err == "Bad setting: PORT: is no number.\n"


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("a\nforged: line\x1b[2J"), PermissionError(13, "Permission denied", ".env")],
)
def test_an_error_of_a_command_is_one_printable_line_whatever_its_text(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda: Composition(error=error), "migrate") == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.rstrip("\n").isprintable()


def test_an_argument_that_is_no_text_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A shell hands over any bytes; no store takes them."""
    assert run(nobody, "orders", "list", "--customer", "al\udcffice") == 2
    assert capsys.readouterr().err.count("\n") == 1


TOO_MUCH = [
    ("orders", "list", "--since", "999999d"),
    ("orders", "list", "--since", "0001-01-01T00:00+23:59"),
    ("orders", "list", "--limit", "9" * 30),
    ("orders", "stuck", "--limit", "9" * 30),
    ("orders", "show", "a" * 24 + "\n"),
    ("dead-letters", "list", "--limit", "9" * 30),
    ("dead-letters", "show", "--since", "999999d"),
    ("reconcile", "--grace", "nan"),
    ("reconcile", "--grace", "1e300"),
    ("dev-token", "--sub", "a", "--hours", "nan"),
    ("dev-token", "--sub", "a", "--hours", "1e300"),
]


@pytest.mark.parametrize("words", TOO_MUCH, ids=" ".join)
def test_an_option_with_a_number_or_time_beyond_all_bounds_is_named(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(nobody, *words) == 2
    assert "Invalid value for" in capsys.readouterr().err


def test_the_commands_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nobody, "--version") == 0
    assert capsys.readouterr().out == f"order-service {version('order-service')}\n"


def test_a_spoilt_development_key_ends_dev_token_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("dev-token", "--sub", "alice", "--keys", str(tmp_path))
    assert run(nobody, *words) == 0
    for name, content in (("jwks.json", "[]"), ("jwks.json", "{"), ("key.pem", "x")):
        (tmp_path / name).write_text(content, encoding="utf-8")
        capsys.readouterr()
        assert run(nobody, *words) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_a_defect_of_a_command_is_not_hidden() -> None:
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
def test_the_help_of_each_command_teaches_and_needs_no_settings(
    arguments: list[str], taught: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(nobody, *arguments) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert [words for words in taught if words not in text] == []


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nobody, "migrat") == 2
    assert "No such command 'migrat'" in capsys.readouterr().err
