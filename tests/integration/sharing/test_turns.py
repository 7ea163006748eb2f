"""Turns at an item, between real processes."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from order_service.infrastructure.sharing import turns
from order_service.infrastructure.sharing.turns import ItemTurns
from tests.waiting import until

ITEM, OTHER = "64b000000000000000000001", "64b000000000000000000002"
TURNS = 30
# The byte that stands for being next at ITEM.
NEXT = int(ITEM, 16) % (1 << 61) * 2 + 1


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


def hold(processes: Processes) -> int:
    """A process whose turn at the item does not end."""

    def work() -> None:
        with processes.turns.at(ITEM):
            processes.tell("holds")
            time.sleep(60)

    pid = processes.start(work)
    until(processes.told, "it holds")
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
                with processes.turns.at(ITEM):
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
        with processes.turns.at(ITEM):
            processes.tell("first")
            until(go.exists, "the other waits")
        with processes.turns.at(ITEM):
            processes.tell("again")

    def have_one() -> None:
        with processes.turns.at(ITEM):
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
        with processes.turns.at(ITEM):
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
        with processes.turns.at(ITEM):
            processes.tell("without")
    assert processes.told() == ["holds", "without", "without"]


def test_the_turns_at_one_item_do_not_hold_up_another_item(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    hold(processes)
    with processes.turns.at(OTHER):
        processes.tell("other")
    assert processes.told() == ["holds", "other"]


def test_a_process_waits_for_no_turn_where_the_file_can_not_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AT_MOST", 60)
    (tmp_path / "turns").touch()
    unlockable = os.open(tmp_path / "turns", os.O_RDONLY)
    with ItemTurns(unlockable).at(ITEM):
        (tmp_path / "done").touch()
    os.close(unlockable)
    assert (tmp_path / "done").exists()
