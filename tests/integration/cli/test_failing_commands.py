"""Whatever a command lacks, it says so in one line, and its exit code is that of a failure."""

import pytest

from devstack.ports import free_port
from tests.commands import order_service
from tests.system import clean_environment

OF_THE_STORE = [
    ("migrate", 1),
    ("orders list", 1),
    ("orders stuck --json", 1),
    (f"orders show {'a' * 24}", 1),
    (f"orders settle {'a' * 24} --as failed --reason x --yes", 1),
    ("reconcile", 2),
]
OTHERS = [("worker", 1), ("dead-letters list", 1), ("dead-letters replay --dry-run", 1)]


def failed(words: str, **settings: str) -> tuple[int, str]:
    """Its exit code, and the one line that it said."""
    done = order_service(*words.split(), environment=clean_environment(settings))
    (line,) = done.stderr.splitlines()
    return done.returncode, line


@pytest.mark.parametrize(("words", "exit_code"), OF_THE_STORE)
def test_a_command_without_its_store_ends_with_its_exit_code_and_one_line(
    words: str, exit_code: int
) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}"
    code, line = failed(words, MONGO_URI=nowhere, STORE_TIMEOUT="0.5")
    assert code == exit_code
    assert "store" in line
    assert nowhere not in line


@pytest.mark.parametrize(("words", "exit_code"), [*OF_THE_STORE, *OTHERS])
def test_a_command_with_a_bad_setting_ends_with_its_exit_code_and_one_line(
    words: str, exit_code: int
) -> None:
    code, line = failed(words, PORT="three")
    assert code == exit_code
    assert "PORT" in line
