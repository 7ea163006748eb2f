"""Holds that nobody confirms, while the worker is dead, the inventory away, or two workers expire
the same holds."""

import os
import random
import re
import signal
from collections.abc import Sequence
from time import monotonic

import requests
from bson import ObjectId

from tests.faults import table
from tests.faults.buyers import Buyers, Purchase
from tests.faults.cases import all_caught
from tests.faults.conftest import FULL, Checked, both_when_full
from tests.faults.rig import Rig
from tests.faults.steps import EXPIRE, traps
from tests.faults.traps import SetTrap, Trap
from tests.system import Asked
from tests.waiting import until

HOLDS = 1000 if FULL else 60
CONFIRMED = 5


class Shelf:
    """Holds that take the whole stock of an item; each fifth has another item too. ``holds``: how
    many, a multiple of ten."""

    def __init__(self, rig: Rig, buyers: Buyers, holds: int) -> None:
        self._rig = rig
        self._holds = holds
        self.items = {rig.system.add_item(holds): holds, rig.system.add_item(holds): holds}
        hot, other = self.items
        baskets: list[Asked] = [{other: 5, hot: 1}, hot, hot, hot, hot]
        self.bought: list[Purchase] = []
        # A few at a time: where the inventory is too slow, an order waits for the dead worker.
        for begun in range(0, holds, 10):
            few = [buyers.buy(baskets[n % 5], hold=1) for n in range(begun, begun + 10)]
            self.bought += [each.result() for each in few]

    @property
    def stocks(self) -> list[int]:
        return [self._rig.system.stock(item) for item in self.items]

    def count(self, **condition: object) -> int:
        found = {"itemId": {"$in": [ObjectId(item) for item in self.items]}, **condition}
        return int(self._rig.system.database["orders"].count_documents(found))

    def await_over(self) -> None:
        now = {"$expr": {"$lte": ["$heldUntil", "$$NOW"]}}
        until(lambda: self.count(**now, status="RESERVED") == self._holds, "every hold over")
        assert self.stocks == [0, 0]

    def await_expired(self, number: int) -> float:
        """The seconds that it took."""
        began = monotonic()
        until(lambda: self.count(status="EXPIRED") == number, f"{number} holds expired", 300)
        return monotonic() - began


def _kill_workers(rig: Rig) -> None:
    for worker in rig.system.worker:
        worker.kill()


@both_when_full
def test_what_holds_kept_while_the_worker_was_dead_is_sold_to_nobody_until_the_worker_gives_it_back(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    _kill_workers(rig)
    shelf = Shelf(rig, buyers, HOLDS)
    shelf.await_over()
    hot, other = shelf.items
    # What a hold that is over still has, nobody gets.
    refused = [buyers.buy(each) for each in (hot, other, {hot: 1, other: 1}) * 3]
    assert {each.result().answers[-1].status for each in refused} == {400}
    rig.system.worker[0].start()
    took = shelf.await_expired(HOLDS)
    table.NOTES.append(
        f"{HOLDS} holds that ended while the worker was dead ({rig.contract}): {took:.1f} s from "
        "the worker's start until all were expired"
    )
    assert shelf.stocks == [HOLDS, HOLDS]
    assert all(buyers.buy(each).result().acknowledged for each in (hot, other))
    checked("holds end while the worker is dead", 1, shelf.items)


@both_when_full
def test_holds_that_ended_while_the_inventory_was_away_can_be_confirmed_and_expire_once_it_is_back(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    _kill_workers(rig)
    shelf = Shelf(rig, buyers, HOLDS)
    shelf.await_over()
    rig.proxy.refuse()
    rig.system.worker[0].start()
    rig.system.await_worker(0)
    failed = 'worker_failed_rounds_total{chore="expiry"}'
    until(lambda: _metric(rig, failed) >= 1, "the worker tried to expire them", 20)
    assert _metric(rig, "holds_overdue") == _metric(rig, "orders_held") == HOLDS
    for each in shelf.bought[:CONFIRMED]:
        assert buyers.confirm(each).result().later["confirm"][-1].status == 200
    assert _metric(rig, "holds_overdue") == HOLDS - CONFIRMED
    assert shelf.count(status="RESERVED", awaitingSince={"$exists": False}) == HOLDS - CONFIRMED
    rig.proxy.accept()
    took = shelf.await_expired(HOLDS - CONFIRMED)
    table.NOTES.append(
        f"{HOLDS - CONFIRMED} holds that ended while the inventory was away ({rig.contract}): "
        f"{took:.1f} s from its return until all were expired"
    )
    assert _metric(rig, "holds_overdue") == 0
    row = checked("holds end while the inventory is away", 1, shelf.items)
    assert row.held - row.expired == CONFIRMED


def _metric(rig: Rig, name: str) -> float:
    """As the first worker tells it."""
    answer = requests.get(f"{rig.system.worker_urls[0]}/metrics", timeout=10)
    answer.raise_for_status()
    found = re.search(rf"^order_service_{re.escape(name)} (.+)$", answer.text, re.MULTILINE)
    return float(found[1]) if found else 0


def test_two_workers_that_find_the_same_holds_expire_each_once(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    _kill_workers(rig)
    # No more than one look finds.
    shelf = Shelf(rig, buyers, 30)
    shelf.await_over()
    stop = Trap("orders.held_until", "after", signal.SIGSTOP, "worker")
    stopped = [rig.traps.set(stop) for _ in rig.system.worker]
    try:
        until(lambda: all_caught(rig, stopped), "both workers have found the holds", 30)
    finally:
        _go_on(stopped)
    with buyers.crowd(list(shelf.items), clients=4):
        shelf.await_expired(30)
    row = checked("two workers expire the same holds", 1, shelf.items)
    assert row.expired == row.held == 30


@both_when_full
def test_a_worker_stopped_in_an_expiry_and_continued_gives_nothing_back_twice(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    stops = rng.sample(traps(EXPIRE[rig.contract], signal.SIGSTOP, "worker"), 6 if full else 1)
    shelves = []
    for stop in stops:
        stopped = rig.traps.set(stop)
        shelves.append(Shelf(rig, buyers, 10))
        try:
            until(lambda stopped=stopped: stopped.caught, f"a worker was stopped {stop}", 30)
            # The other worker settles what this one has begun.
            shelves[-1].await_expired(10)
        finally:
            _go_on([stopped])
    items = {item: stock for shelf in shelves for item, stock in shelf.items.items()}
    row = checked("worker stopped in an expiry", len(stops), items)
    assert row.expired == row.held == len(stops) * 10


def _go_on(stopped: Sequence[SetTrap]) -> None:
    for each in stopped:
        if each.caught:
            os.kill(each.caught, signal.SIGCONT)
