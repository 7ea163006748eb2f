"""The status of the whole service: told within a bounded time, whatever hangs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from order_service.application.overview.backlog import Backlog
from order_service.application.overview.read_status import ReadStatus
from order_service.application.overview.workers import SeenWorker
from order_service.application.readiness import CheckReadiness
from order_service.domain.errors import StoreUnavailable
from tests.unit.fakes import FakeClock
from tests.waiting import until

PATIENT = 10
NOW = FakeClock().now()
BACKLOG = Backlog(1, 0, 2.5, 3, 4.5, 5, 6)
WORKER = SeenWorker("host:1:abc", "0.3.0", NOW, NOW, True, [], [])


@dataclass
class Store:
    """A dependency, and all that is read of it. ``hangs``: until it is let go."""

    name: str = "store"
    required: bool = True
    missing_since: datetime | None = None
    error: Exception | None = None
    hangs: bool = False
    let_go: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.answer("check")

    def seen(self) -> list[SeenWorker]:
        self.answer("workers")
        return [WORKER]

    def backlog(self) -> Backlog:
        self.answer("backlog")
        return BACKLOG

    def answer(self, what: str) -> None:
        self.asked.append(what)
        if self.hangs:
            self.let_go.wait(30)
        if self.error:
            raise self.error


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.let_go.set()


def unexpected(name: str, error: Exception) -> None:
    raise AssertionError(f"{name}: {error!r}")


def reading(
    store: Store,
    timeout: float = PATIENT,
    unforeseen: Callable[[str, Exception], None] = unexpected,
) -> ReadStatus:
    readiness = CheckReadiness([store], timeout, unforeseen)
    return ReadStatus(readiness, store, store.backlog, FakeClock(), timeout, unforeseen)


def test_the_status_has_the_dependencies_the_workers_and_the_backlog_by_the_stores_clock(
    store: Store,
) -> None:
    status = reading(store)()
    assert (status.at, status.workers, status.backlog) == (NOW, [WORKER], BACKLOG)
    assert [(each.name, each.problem) for each in status.dependencies] == [("store", None)]


def test_without_the_store_the_status_has_the_dependencies_and_this_processs_time(
    store: Store,
) -> None:
    store.error = StoreUnavailable("The order store can't be reached.")
    before = datetime.now(UTC)
    status = reading(store)()
    assert (status.workers, status.backlog) == (None, None)
    assert [each.problem for each in status.dependencies] == ["The order store can't be reached."]
    assert before <= status.at <= datetime.now(UTC)


def test_a_store_that_hangs_is_asked_for_everything_side_by_side_and_waited_for_once(
    store: Store,
) -> None:
    store.hangs = True
    read = reading(store, timeout=0.2)
    with ThreadPoolExecutor(20) as callers:
        statuses = [each.result() for each in [callers.submit(read) for _ in range(20)]]
    assert {(each.workers, each.backlog) for each in statuses} == {(None, None)}
    assert all(each.dependencies[0].problem for each in statuses)
    assert sorted(store.asked) == ["backlog", "check", "workers"]


def test_a_store_that_hung_and_answers_again_is_in_the_status_again(store: Store) -> None:
    store.hangs = True
    read = reading(store, timeout=0.05)
    assert read().workers is None
    store.let_go.set()
    until(lambda: read().backlog == BACKLOG, "the backlog")
    assert read().workers == [WORKER]


def test_an_unexpected_error_leaves_its_part_out_and_only_the_log_has_its_text(
    store: Store,
) -> None:
    told: list[str] = []
    store.error = ValueError("secret")
    status = reading(store, unforeseen=lambda name, _: told.append(name))()
    assert (status.workers, status.backlog) == (None, None)
    assert sorted(told) == ["backlog", "store", "workers"]
