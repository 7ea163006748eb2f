"""Calls that are made together with others."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.infrastructure.mongo.combining import MOST, Combined
from tests.waiting import until

Answer = Callable[[list[int]], Sequence[Any]]


class Store:
    """Doubles numbers; ``held`` keeps its first call under way until ``let_go``."""

    def __init__(self, answer: Answer = lambda given: [2 * each for each in given]) -> None:
        self.calls: list[list[int]] = []
        self.answer = answer
        self.combined = Combined(self._call)
        self._begun, self._held = threading.Event(), threading.Event()
        self._clients = ThreadPoolExecutor(3 * MOST)

    def _call(self, arguments: list[int]) -> Sequence[Any]:
        self.calls.append(arguments)
        if len(self.calls) == 1:
            self._begun.set()
            assert self._held.wait(10)
        return self.answer(arguments)

    def begin(self, argument: int) -> "Future[Any]":
        first = self._clients.submit(self.combined, argument)
        assert self._begun.wait(10)
        return first

    def join(self, arguments: Sequence[int]) -> "list[Future[Any]]":
        """Returns when all of them wait, in their order."""
        joined = []
        for number, argument in enumerate(arguments, 1):
            joined.append(self._clients.submit(self.combined, argument))
            until(lambda n=number: len(self.combined._waiting) == n, "it waits")  # type: ignore[misc]
        return joined

    def let_go(self) -> None:
        self._held.set()

    def end(self) -> None:
        self.let_go()
        self._clients.shutdown()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.end()


def test_a_call_that_comes_alone_is_made_at_once(store: Store) -> None:
    store.let_go()
    assert [store.combined(1), store.combined(2)] == [2, 4]
    assert store.calls == [[1], [2]]


def test_callers_who_come_during_a_call_share_the_next_call(store: Store) -> None:
    first = store.begin(1)
    others = store.join([2, 3, 4])
    store.let_go()
    assert [each.result(10) for each in [first, *others]] == [2, 4, 6, 8]
    assert store.calls == [[1], [2, 3, 4]]


def test_no_combined_call_is_larger_than_allowed(store: Store) -> None:
    first = store.begin(0)
    others = store.join(range(1, MOST + 51))
    store.let_go()
    assert [each.result(10) for each in [first, *others]] == [2 * n for n in range(MOST + 51)]
    assert [len(each) for each in store.calls] == [1, MOST, 50]


def test_an_error_among_the_answers_of_a_combined_call_is_raised_to_its_caller_alone(
    store: Store,
) -> None:
    store.answer = lambda given: [ValueError(each) if each == 3 else each for each in given]
    first = store.begin(1)
    others = store.join([2, 3, 4])
    store.let_go()
    assert [each.result(10) for each in (first, others[0], others[2])] == [1, 2, 4]
    with pytest.raises(ValueError, match="3"):
        others[1].result(10)


def test_an_argument_that_fails_a_combined_call_does_not_fail_its_neighbours(store: Store) -> None:
    def answer(given: list[int]) -> list[int]:
        if 3 in given:
            raise OverflowError(given)
        return given

    store.answer = answer
    first = store.begin(1)
    others = store.join([2, 3, 4])
    store.let_go()
    assert [each.result(10) for each in (first, others[0], others[2])] == [1, 2, 4]
    with pytest.raises(InvalidValue):
        others[1].result(10)
    assert store.combined(5) == 5


def test_a_store_that_is_away_fails_all_callers_who_wait_and_the_next_caller_tries_again(
    store: Store,
) -> None:
    def away(_: list[int]) -> list[int]:
        raise StoreUnavailable("away")

    store.answer = away
    first = store.begin(1)
    others = store.join([2, 3])
    store.let_go()
    for each in [first, *others]:
        with pytest.raises(StoreUnavailable):
            each.result(10)
    assert store.calls == [[1]]
    store.answer = lambda given: given
    assert store.combined(4) == 4


def test_an_error_of_the_driver_in_a_combined_call_becomes_an_error_of_ours(store: Store) -> None:
    def unreachable(_: list[int]) -> list[int]:
        raise AutoReconnect("db.internal:27017")

    store.answer = unreachable
    store.let_go()
    with pytest.raises(StoreUnavailable) as told:
        store.combined(1)
    assert isinstance(told.value.__cause__, AutoReconnect)
    assert "internal" not in told.value.message


def test_many_callers_at_once_each_get_their_own_answer(store: Store) -> None:
    store.let_go()
    with ThreadPoolExecutor(32) as clients:
        assert list(clients.map(store.combined, range(2000))) == [2 * n for n in range(2000)]
    assert sum(map(len, store.calls)) == 2000
