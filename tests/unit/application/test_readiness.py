"""Readiness: every dependency by name, each within its own time and in its own thread."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from order_service.application.readiness import CheckReadiness, DependencyState
from order_service.domain.errors import InventoryUnavailable, StoreUnavailable
from tests.waiting import until

PATIENT = 10


@dataclass
class Part:
    name: str
    required: bool
    check: Callable[[], None]
    missing_since: datetime | None = None


@dataclass
class Hanging:
    """Until it is let go."""

    name: str = "inventory"
    required: bool = False
    missing_since: datetime | None = None
    checks: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        self.checks += 1
        self.let_go.wait(30)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    part = Hanging()
    yield part
    part.let_go.set()


def there() -> None:
    return


def away() -> None:
    raise InventoryUnavailable("The inventory can't be reached.")


def readiness(*parts: Part | Hanging, timeout: float = PATIENT) -> CheckReadiness:
    def unforeseen(name: str, error: Exception) -> None:
        raise AssertionError(f"{name}: {error!r}")

    return CheckReadiness(parts, timeout, unforeseen)


def test_a_dependency_that_answers_has_no_problem_and_one_that_is_away_has_one() -> None:
    store, inventory = readiness(Part("store", True, there), Part("inventory", False, away))()
    assert store == DependencyState("store", True, None, None)
    assert (inventory.name, inventory.required) == ("inventory", False)
    assert inventory.problem == "The inventory can't be reached."


def test_a_dependency_is_missing_since_the_first_check_that_found_it_missing() -> None:
    part = Part("store", True, away)
    check = readiness(part)
    before = datetime.now(UTC)
    first = check()[0].since
    assert first is not None
    assert before - timedelta(seconds=1) < first <= datetime.now(UTC)
    assert check()[0].since == first
    part.check = there
    assert check()[0].since is None
    part.check = away
    again = check()[0].since
    assert again is not None
    assert again > first


def test_a_dependency_that_hangs_is_missing_since_it_was_asked(hanging: Hanging) -> None:
    check = readiness(hanging, timeout=0.05)
    before = datetime.now(UTC)
    since = check()[0].since
    assert since is not None
    assert since - before < timedelta(seconds=0.05)
    assert check()[0].since == since


def test_a_dependency_that_hangs_counts_as_away(hanging: Hanging) -> None:
    [state] = readiness(hanging, timeout=0.05)()
    assert state.problem is not None
    assert state.problem.startswith("No answer for 0.")


def test_an_optional_dependency_that_hangs_starves_no_required_one(hanging: Hanging) -> None:
    check = readiness(Part("store", True, there), hanging, timeout=0.2)
    with ThreadPoolExecutor(30) as callers:
        probes = [each.result() for each in [callers.submit(check) for _ in range(200)]]
    assert [store.problem for store, _ in probes] == [None] * 200
    assert all(inventory.problem for _, inventory in probes)
    assert hanging.checks == 1


def test_only_the_first_caller_waits_for_a_dependency_that_hangs(hanging: Hanging) -> None:
    check = readiness(hanging, timeout=0.5)
    check()
    began = time.monotonic()
    for _ in range(50):
        check()
    assert time.monotonic() - began < 5


def test_a_dependency_that_hung_and_answers_again_is_asked_again(hanging: Hanging) -> None:
    check = readiness(hanging, timeout=0.05)
    assert check()[0].problem
    hanging.let_go.set()
    until(lambda: check()[0].problem is None, "the inventory back")


def test_callers_who_ask_for_readiness_at_once_share_one_answer(hanging: Hanging) -> None:
    check = readiness(hanging)
    with ThreadPoolExecutor(30) as callers:
        asked = [callers.submit(check) for _ in range(30)]
        until(lambda: hanging.checks, "the check under way")
        hanging.let_go.set()
        assert [each.result()[0].problem for each in asked] == [None] * 30
    # Who came when the first answer was there asked for a second.
    assert hanging.checks <= 30


@pytest.mark.parametrize("error", [ZeroDivisionError(), RecursionError(), ValueError("[::1")])
def test_an_unexpected_error_of_a_dependency_is_a_problem_whose_text_only_the_log_has(
    error: Exception,
) -> None:
    told: list[tuple[str, Exception]] = []

    def broken() -> None:
        raise error

    check = CheckReadiness(
        [Part("inventory", False, broken), Part("store", True, there)],
        PATIENT,
        lambda name, error: told.append((name, error)),
    )
    assert [state.problem for state in check()] == [
        "The check ended in an unexpected error; the log has the cause.",
        None,
    ]
    assert told == [("inventory", error)]


def test_a_dependency_that_is_away_is_described_in_the_services_own_words() -> None:
    def down() -> None:
        raise StoreUnavailable("The order store can't be reached.") from OSError("10.0.0.1")

    [state] = readiness(Part("store", True, down))()
    assert state.problem == "The order store can't be reached."


def test_a_dependency_that_knows_since_when_it_is_missing_is_believed() -> None:
    def missing() -> None:
        raise StoreUnavailable("It is away.")

    known = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    part = Part("store", True, missing, known)
    check = CheckReadiness([part], PATIENT, lambda *_: None)
    assert check()[0].since == known
    part.check = lambda: None
    assert check()[0].since is None
