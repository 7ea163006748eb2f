"""Orders of the same items share commits, and nobody waits past a deadline."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from order_service.application.stock.group_commit import MAX_BATCH, Draw, GroupCommit, Items
from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown
from order_service.domain.line import Line
from order_service.domain.order import Order
from tests.orders import CALLER, ITEM, basket, completed, intent_of, later, moved_at, pending
from tests.waiting import until

LONG = 10.0


class Commits:
    """Stands in for the stock: completes what it drew, once it is let to."""

    def __init__(self) -> None:
        self.batches: list[list[Order]] = []
        self.began = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.before_draw: Callable[[], object] = lambda: None
        self.after_draw: Callable[[], object] = lambda: None

    def __call__(self, items: Items, draw: Draw, deadline: float) -> dict[str, Order]:
        self.began.set()
        self.before_draw()
        assert self.gate.wait(LONG)
        orders = list(draw())
        self.batches.append(orders)
        self.after_draw()
        return {order.id: moved_at(order, later(1)) for order in orders}


@pytest.fixture
def commits() -> Iterator[Commits]:
    commits = Commits()
    yield commits
    commits.gate.set()


class Queue:
    def __init__(self, commits: Commits) -> None:
        self.callers = ThreadPoolExecutor(MAX_BATCH + 10)
        self.committers = ThreadPoolExecutor(8)
        self.group = GroupCommit(commits, self.committers, time.monotonic)

    def submit(self, order: Order, seconds: float = LONG) -> "Future[Order]":
        return self.callers.submit(self.group.submit, order, time.monotonic() + seconds)

    def waiting(self, *items: str) -> int:
        return len(self.group._waiting.get(items or (ITEM,), ()))


@pytest.fixture
def queue(commits: Commits) -> Iterator[Queue]:
    queue = Queue(commits)
    yield queue
    commits.gate.set()
    queue.callers.shutdown()
    queue.committers.shutdown()


@contextmanager
def closed(commits: Commits) -> Iterator[None]:
    """No commit gets past its beginning meanwhile."""
    commits.gate.clear()
    yield
    commits.gate.set()


def test_an_order_is_committed_and_answered(queue: Queue, commits: Commits) -> None:
    order = pending()
    assert queue.submit(order).result() == moved_at(order, later(1))
    assert commits.batches == [[order]]


def test_every_order_that_waits_when_the_commit_draws_takes_part(
    queue: Queue, commits: Commits
) -> None:
    orders = [pending() for _ in range(20)]
    with closed(commits):
        answers = [queue.submit(order) for order in orders]
        until(lambda: queue.waiting() == 20, "all wait")
    assert [answer.result().id for answer in answers] == [order.id for order in orders]
    assert len(commits.batches) == 1


def test_a_group_commit_takes_no_more_orders_than_max_batch(queue: Queue, commits: Commits) -> None:
    orders = [pending() for _ in range(MAX_BATCH + 5)]
    with closed(commits):
        answers = [queue.submit(order) for order in orders]
        until(lambda: queue.waiting() == MAX_BATCH + 5, "all wait")
    assert all(answer.result() for answer in answers)
    assert sorted(len(batch) for batch in commits.batches) == [5, MAX_BATCH]


def test_the_group_commit_of_one_item_does_not_hold_up_another_items(
    queue: Queue, commits: Commits
) -> None:
    other = pending(item_id="b" * 24)
    with closed(commits):
        held = queue.submit(pending())
        until(commits.began.is_set, "the first has begun")
        commits.began.clear()
        answer = queue.submit(other)
        until(commits.began.is_set, "the other item's has begun as well")
        assert not held.done()
    assert answer.result().id == other.id
    assert held.result()


def test_an_error_of_a_group_commit_is_raised_to_all_who_took_part(
    queue: Queue, commits: Commits
) -> None:
    def fail() -> None:
        raise OutcomeUnknown("sent and unanswered", in_flight=True)

    commits.after_draw = fail
    with closed(commits):
        answers = [queue.submit(pending()) for _ in range(3)]
        until(lambda: queue.waiting() == 3, "all wait")
    for answer in answers:
        with pytest.raises(OutcomeUnknown):
            answer.result()


def test_an_error_before_a_group_commit_draws_is_raised_to_the_first_caller_alone(
    queue: Queue, commits: Commits
) -> None:
    def fail_once() -> None:
        commits.before_draw = lambda: None
        assert commits.gate.wait(LONG)
        raise InventoryUnavailable("away")

    commits.before_draw = fail_once
    with closed(commits):
        first = queue.submit(pending())
        until(commits.began.is_set, "the first has begun")
        second = queue.submit(pending())
        until(lambda: queue.waiting() == 2, "both wait")
    with pytest.raises(InventoryUnavailable):
        first.result()
    assert second.result().status == "COMPLETED"


def test_an_item_is_served_again_after_a_failed_group_commit(
    queue: Queue, commits: Commits
) -> None:
    def fail() -> None:
        raise InventoryUnavailable("away")

    commits.before_draw = fail
    with pytest.raises(InventoryUnavailable):
        queue.submit(pending()).result()
    commits.before_draw = lambda: None
    assert queue.submit(pending()).result().status == "COMPLETED"


def test_an_item_whose_group_commit_fails_does_not_keep_its_thread_from_other_items() -> None:
    served: list[Items] = []
    gate = threading.Event()

    def commit(items: Items, _: Draw, deadline: float) -> dict[str, Order]:
        assert gate.wait(LONG)
        served.append(items)
        raise InventoryUnavailable("It hangs.")

    hanging, other = "a" * 24, "b" * 24
    with ThreadPoolExecutor(4) as callers, ThreadPoolExecutor(1) as thread:
        group = GroupCommit(commit, thread, time.monotonic)

        def submit(item_id: str) -> "Future[Order]":
            order, deadline = pending(item_id=item_id), time.monotonic() + LONG
            return callers.submit(group.submit, order, deadline)

        answers = [submit(hanging) for _ in range(3)]
        until(lambda: len(group._waiting.get((hanging,), ())) == 3, "all wait")
        answers.append(submit(other))
        until(lambda: thread._work_queue.qsize() == 1, "the other waits for the thread")
        gate.set()
        for answer in answers:
            assert isinstance(answer.exception(), InventoryUnavailable)
    assert served == [(hanging,), (other,), (hanging,), (hanging,)]


def test_an_item_is_served_again_after_a_group_commit_left_an_order_out(commits: Commits) -> None:
    gone: set[str] = set()

    def commit(items: Items, draw: Draw, deadline: float) -> dict[str, Order]:
        return {i: order for i, order in commits(items, draw, deadline).items() if i not in gone}

    with ThreadPoolExecutor(1) as threads:
        group = GroupCommit(commit, threads, time.monotonic)
        order = pending()
        gone.add(order.id)
        with pytest.raises(KeyError):
            group.submit(order, time.monotonic() + LONG)
        assert group.submit(pending(), time.monotonic() + LONG).status == "COMPLETED"


# --- orders of several items

B, C = "b" * 24, "c" * 24
THREE = (ITEM, B, C)


def test_orders_of_the_same_items_share_a_commit_however_their_lines_are_sorted(
    queue: Queue, commits: Commits
) -> None:
    lines = basket().lines
    orders = [pending(lines=lines), pending(lines=lines[::-1]), pending(lines=sorted_by_id(lines))]
    with closed(commits):
        answers = [queue.submit(order) for order in orders]
        until(lambda: queue.waiting(*THREE) == 3, "all wait")
    assert [answer.result().id for answer in answers] == [order.id for order in orders]
    [batch] = commits.batches
    assert {order.id for order in batch} == {order.id for order in orders}


def sorted_by_id(lines: Sequence[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.item_id)


def test_a_commit_is_asked_for_its_items_in_ascending_order() -> None:
    asked: list[Items] = []

    def commit(items: Items, draw: Draw, deadline: float) -> dict[str, Order]:
        asked.append(items)
        return {order.id: order for order in draw()}

    group = GroupCommit(commit, InTheCallersThread(), time.monotonic)
    group.submit(basket(), time.monotonic() + LONG)
    assert asked == [THREE]


def test_a_cancellation_shares_a_commit_with_the_orders_that_take_the_same_items(
    queue: Queue, commits: Commits
) -> None:
    returning = completed(basket()).request_cancel(later(5), CALLER)
    with closed(commits):
        answers = [queue.submit(order) for order in (basket(), returning)]
        until(lambda: queue.waiting(*THREE) == 2, "both wait")
    assert [answer.result().status for answer in answers] == ["COMPLETED", "CANCELLED"]
    assert len(commits.batches) == 1


def test_an_order_shares_a_commit_for_the_items_that_it_still_has_to_move(
    queue: Queue, commits: Commits
) -> None:
    # Its A and B are back; one of its lines is left.
    asked = completed(basket()).request_cancel(later(5), CALLER)
    moved = [each for each in intent_of(asked, 5).moved if each.item_id != C]
    left = asked.stock_moved(moved, later(6))
    with closed(commits):
        answers = [queue.submit(left), queue.submit(pending(item_id=C))]
        until(lambda: queue.waiting(C) == 2, "both wait")
    assert [answer.result().status for answer in answers] == ["CANCELLED", "COMPLETED"]


def test_the_commit_of_several_items_holds_up_no_commit_of_some_of_them(
    queue: Queue, commits: Commits
) -> None:
    """Which of them goes first is for the leases to decide."""
    with closed(commits):
        held = queue.submit(basket())
        until(commits.began.is_set, "the first has begun")
        commits.began.clear()
        answer = queue.submit(pending(item_id=C))
        until(commits.began.is_set, "the other has begun as well")
    assert {answer.result().status, held.result().status} == {"COMPLETED"}
    assert sorted(len(batch) for batch in commits.batches) == [1, 1]


def test_a_basket_that_was_not_drawn_by_its_deadline_leaves_nothing_behind(
    queue: Queue, commits: Commits
) -> None:
    with closed(commits):
        answer = queue.submit(basket(), seconds=0.05)
        with pytest.raises(InventoryUnavailable):
            answer.result()
    until(lambda: queue.waiting(*THREE) == 0, "nobody waits")
    assert queue.submit(basket()).result().status == "COMPLETED"


class InTheCallersThread(Executor):
    def submit(self, function: Any, *args: Any, **_: Any) -> "Future[Any]":
        function(*args)
        return Future()


def test_a_caller_who_gives_up_after_the_last_group_commit_leaves_nothing_behind() -> None:
    def commit(*_: object) -> dict[str, Order]:
        raise TimeoutError

    group = GroupCommit(commit, InTheCallersThread(), time.monotonic)
    with pytest.raises(TimeoutError):
        group.submit(pending(), time.monotonic() + LONG)
    assert group._waiting == {}


def test_an_order_that_was_not_drawn_by_its_deadline_was_not_sent(
    queue: Queue, commits: Commits
) -> None:
    with closed(commits):
        answer = queue.submit(pending(), seconds=0.05)
        with pytest.raises(InventoryUnavailable):
            answer.result()
    until(lambda: queue.waiting() == 0, "nobody waits")
    assert all(batch == [] for batch in commits.batches)


def test_an_order_that_was_drawn_by_its_deadline_may_have_been_sent(
    queue: Queue, commits: Commits
) -> None:
    drawn, go_on = threading.Event(), threading.Event()

    def linger() -> None:
        drawn.set()
        go_on.wait(LONG)

    commits.after_draw = linger
    answer = queue.submit(pending(), seconds=0.3)
    until(drawn.is_set, "it is drawn")
    with pytest.raises(OutcomeUnknown) as unknown:
        answer.result()
    assert unknown.value.in_flight is True
    go_on.set()
