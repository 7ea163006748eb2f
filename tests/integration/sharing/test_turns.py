"""Turns at an item, between real processes."""

import fcntl
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from order_service.infrastructure.sharing import turns
from order_service.infrastructure.sharing.turns import ItemTurns
from tests.waiting import until

ITEM, OTHER = "64b000000000000000000001", "64b000000000000000000002"
THIRD = "64b000000000000000000003"
TURNS = 30


def place(item: str) -> int:
    """The byte that stands for a turn at the item."""
    return int(item, 16) % (1 << 61) * 2


# The byte that stands for being next at ITEM.
NEXT = place(ITEM) + 1


class Processes:
    """Forked ones that share the turns and a file to write to."""

    def __init__(self, folder: Path) -> None:
        self.file = os.open(folder / "turns", os.O_RDWR | os.O_CREAT)
        self.turns = ItemTurns(self.file)
        self._told = folder / "told"
        self._told.touch()
        self._running: list[int] = []

    def start(self, work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(0)
        self._running.append(pid)
        return pid

    def tell(self, words: str) -> None:
        with self._told.open("a") as told:
            told.write(f"{words}\n")

    def told(self) -> list[str]:
        return self._told.read_text().splitlines()

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.await_end(pid)

    def await_end(self, pid: int) -> None:
        os.waitpid(pid, 0)
        self._running.remove(pid)

    def end(self) -> None:
        for pid in list(self._running):
            self.kill(pid)
        os.close(self.file)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path)
    yield processes
    processes.end()


def hold(processes: Processes, item: str = ITEM) -> int:
    """A process whose turn at the item does not end."""
    before = len(processes.told())

    def work() -> None:
        with processes.turns.at([item]):
            processes.tell("holds")
            time.sleep(60)

    pid = processes.start(work)
    until(lambda: len(processes.told()) > before, "it holds")
    return pid


def is_taken(processes: Processes, place: int) -> bool:
    try:
        fcntl.lockf(processes.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except OSError:
        return True
    fcntl.lockf(processes.file, fcntl.LOCK_UN, 1, place)
    return False


def test_no_process_has_a_turn_at_an_item_within_anothers_turn(processes: Processes) -> None:
    def work(name: str) -> Callable[[], None]:
        def take_turns() -> None:
            for _ in range(TURNS):
                with processes.turns.at([ITEM]):
                    processes.tell(name)
                    time.sleep(0.002)
                    processes.tell(name)

        return take_turns

    for pid in [processes.start(work(name)) for name in "ab"]:
        processes.await_end(pid)
    runs = [len(list(run)) for _, run in groupby(processes.told())]
    assert sum(runs) == 4 * TURNS
    assert {length % 2 for length in runs} == {0}


def test_a_process_that_waits_comes_before_one_that_has_just_had_a_turn(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    go = tmp_path / "go"

    def have_two() -> None:
        with processes.turns.at([ITEM]):
            processes.tell("first")
            until(go.exists, "the other waits")
        with processes.turns.at([ITEM]):
            processes.tell("again")

    def have_one() -> None:
        with processes.turns.at([ITEM]):
            processes.tell("other")

    having_two = processes.start(have_two)
    until(processes.told, "the first has its turn")
    having_one = processes.start(have_one)
    until(lambda: is_taken(processes, NEXT), "the other is next")
    go.touch()
    for pid in (having_two, having_one):
        processes.await_end(pid)
    assert processes.told() == ["first", "other", "again"]


def test_the_turn_of_a_process_that_dies_is_over(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    holder = hold(processes)

    def work() -> None:
        with processes.turns.at([ITEM]):
            processes.tell("next")

    waiting = processes.start(work)
    processes.kill(holder)
    processes.await_end(waiting)
    assert processes.told() == ["holds", "next"]


def test_a_turn_that_does_not_end_is_not_waited_for_for_long(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 0.1)
    hold(processes)
    for _ in range(2):
        with processes.turns.at([ITEM]):
            processes.tell("without")
    assert processes.told() == ["holds", "without", "without"]


def test_the_turns_at_one_item_do_not_hold_up_another_item(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    hold(processes)
    with processes.turns.at([OTHER]):
        processes.tell("other")
    assert processes.told() == ["holds", "other"]


# --- turns at several items


def take_turns(processes: Processes, name: str, items: Sequence[str]) -> None:
    for _ in range(TURNS):
        with processes.turns.at(items):
            processes.tell(name)
            time.sleep(0.002)
            processes.tell(name)


def runs(words: Sequence[str]) -> list[int]:
    return [len(list(run)) for _, run in groupby(words)]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ([ITEM, OTHER], [OTHER, ITEM]),
        ([ITEM, OTHER], [OTHER, THIRD]),
        ([ITEM, OTHER, THIRD], [OTHER]),
    ],
    ids=["the same", "a part", "one of them"],
)
def test_processes_whose_items_overlap_have_turns_one_after_another(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, mine: list[str], theirs: list[str]
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    works = {"mine": mine, "theirs": theirs}
    started = [
        processes.start(partial(take_turns, processes, name, items))
        for name, items in works.items()
    ]
    for pid in started:
        processes.await_end(pid)
    assert sum(runs(processes.told())) == 4 * TURNS
    assert {length % 2 for length in runs(processes.told())} == {0}


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [([ITEM, OTHER], [OTHER, ITEM]), ([ITEM, OTHER], [OTHER, THIRD]), ([ITEM], [ITEM])],
    ids=["the same", "a part", "one item"],
)
def test_threads_of_one_process_whose_items_overlap_have_turns_one_after_another(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, mine: list[str], theirs: list[str]
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    with ThreadPoolExecutor(2) as threads:
        for each in [
            threads.submit(take_turns, processes, "mine", mine),
            threads.submit(take_turns, processes, "theirs", theirs),
        ]:
            each.result()
    assert sum(runs(processes.told())) == 4 * TURNS
    assert {length % 2 for length in runs(processes.told())} == {0}


def test_a_ring_of_threads_and_processes_whose_items_overlap_comes_to_its_end(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wants an item and the next one, and the last wants the last item and the first."""
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    items = [f"64b0000000000000000000{number:02x}" for number in range(5)]

    def work(name: str) -> None:
        with ThreadPoolExecutor(len(items)) as threads:
            for number in range(len(items)):
                wanted = [items[number], items[(number + 1) % len(items)]]
                threads.submit(take_turns, processes, f"{name}{number}", wanted)

    for pid in [processes.start(partial(work, name)) for name in "ab"]:
        processes.await_end(pid)
    assert Counter(processes.told()) == {
        f"{name}{number}": 2 * TURNS for name in "ab" for number in range(len(items))
    }


class Clock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_turns_at_items_of_which_several_do_not_end_are_waited_for_no_longer_than_one(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [f"64b0000000000000000000{number:02x}" for number in range(20)]
    for item in items:
        hold(processes, item)
    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    with processes.turns.at(items):
        assert turns._AT_MOST <= clock.now < 1.1 * turns._AT_MOST


def test_a_thread_that_got_no_turn_in_time_leaves_the_turns_of_others_alone(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 0.05)
    has_turn, may_end = threading.Event(), threading.Event()

    def have_turn() -> None:
        with processes.turns.at([ITEM, OTHER]):
            has_turn.set()
            assert may_end.wait(10)

    with ThreadPoolExecutor(1) as threads:
        having = threads.submit(have_turn)
        assert has_turn.wait(10)
        with processes.turns.at([OTHER, THIRD]):
            pass
        # Seen from another process: this one would be given its own locks.
        seen = processes.start(lambda: processes.tell(f"{places_taken(processes)}"))
        processes.await_end(seen)
        may_end.set()
        having.result()
    assert processes.told() == ["[True, True, False]"]


def places_taken(processes: Processes) -> list[bool]:
    return [is_taken(processes, place(item)) for item in (ITEM, OTHER, THIRD)]


def test_an_item_that_is_named_twice_is_one_turn(processes: Processes) -> None:
    with processes.turns.at([ITEM, ITEM.upper(), ITEM]):
        processes.tell("has it")
    with processes.turns.at([]):
        processes.tell("needs none")
    assert processes.told() == ["has it", "needs none"]


def test_a_process_waits_for_no_turn_where_the_file_can_not_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    (tmp_path / "turns").touch()
    unlockable = os.open(tmp_path / "turns", os.O_RDONLY)
    with ItemTurns(unlockable).at([ITEM]):
        (tmp_path / "done").touch()
    os.close(unlockable)
    assert (tmp_path / "done").exists()
