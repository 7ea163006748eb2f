"""Readiness: every dependency by name, each within its own time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from order_service.application.check_readiness import CheckReadiness, DependencyState
from order_service.domain.errors import InventoryUnavailable, StoreUnavailable


@dataclass
class Part:
    name: str
    required: bool
    check: Callable[[], None]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def there() -> None:
    return


def away() -> None:
    raise InventoryUnavailable("The inventory can't be reached.")


def test_what_is_there_has_no_problem_and_what_is_away_has_one(
    threads: ThreadPoolExecutor,
) -> None:
    parts = [Part("store", True, there), Part("inventory", False, away)]
    assert CheckReadiness(parts, threads, 5)() == [
        DependencyState("store", True, None),
        DependencyState("inventory", False, "The inventory can't be reached."),
    ]


def test_what_hangs_counts_as_away(threads: ThreadPoolExecutor) -> None:
    let_go = threading.Event()

    def hang() -> None:
        let_go.wait(10)

    [state] = CheckReadiness([Part("store", True, hang)], threads, 0.05)()
    let_go.set()
    assert state.problem == "No answer within 0.05 s."


def test_a_defect_is_not_taken_for_an_absence(threads: ThreadPoolExecutor) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        CheckReadiness([Part("store", True, broken)], threads, 5)()


def test_an_absence_is_told_in_the_services_own_words(threads: ThreadPoolExecutor) -> None:
    def down() -> None:
        raise StoreUnavailable("The order store can't be reached.") from OSError("10.0.0.1")

    [state] = CheckReadiness([Part("store", True, down)], threads, 5)()
    assert state.problem == "The order store can't be reached."
