"""A process is stopped in the middle of its work, longer than its lease, and continued."""

import os
import random
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pytest

from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import Checked, conditional_only
from tests.faults.rig import Rig
from tests.faults.steps import CANCEL, CREATE, traps
from tests.faults.traps import Trap
from tests.waiting import until


@pytest.mark.parametrize("act", ["create", "cancel"])
def test_a_process_stopped_past_its_lease_and_continued_does_no_harm(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool, act: str
) -> None:
    steps = (CREATE if act == "create" else CANCEL)[rig.contract]
    stopped_at = traps(steps, signal.SIGSTOP)
    stopped_at = rng.sample(stopped_at, min(16, len(stopped_at)) if full else 2)
    pairs = [[rig.system.add_item(50) for _ in range(2)] for _ in stopped_at]
    for trap, pair in zip(stopped_at, pairs, strict=True):
        basket = dict.fromkeys(pair, 1)
        if act == "create":
            _stopped(rig, buyers, trap, pair, lambda basket=basket: buyers.buy(basket))
        else:
            bought = buyers.buy(basket).result()
            _stopped(rig, buyers, trap, pair, lambda bought=bought: buyers.cancel(bought))
    items = {item: 50 for pair in pairs for item in pair}
    checked(f"stopped past its lease in a {act}", len(stopped_at), items)


def _stopped(
    rig: Rig,
    buyers: Buyers,
    trap: Trap,
    items: Sequence[str],
    act: Callable[[], "Future[Purchase]"],
) -> None:
    """Act, stop the process that carries it out, and continue it when others were served."""
    set_trap = rig.traps.set(trap)
    held_up = act()
    stopped = until(lambda: set_trap.caught, f"a process was stopped {trap}", 30)
    try:
        known = rig.url_of(stopped)
        buyers.urls = [url for url in rig.system.urls if url != known]
        # They are served only when the leases are free again, or were never taken.
        first, second = items
        others = [buyers.buy(first), buyers.buy(second, 2), buyers.buy({second: 1, first: 2})]
        for each in others:
            each.result()
    finally:
        os.kill(stopped, signal.SIGCONT)
        buyers.urls = list(rig.system.urls)
    held_up.result()


@conditional_only
def test_a_creator_that_wakes_while_its_order_is_given_back_does_not_complete_the_order(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    # What the processes of the test before still have in hand must not go into these traps.
    for process in rig.processes:
        process.kill()
    rig.heal()
    items = {rig.system.add_item(50): 50 for _ in range(2)}
    rig.system.worker[1].kill()
    creator = rig.traps.set(Trap("orders.save_all", "before", signal.SIGSTOP))
    settler = rig.traps.set(Trap("orders.save", "after", signal.SIGSTOP, role="worker"))
    held_up = buyers.buy(dict.fromkeys(items, 1))
    stopped = {}
    try:
        stopped["creator"] = until(lambda: creator.caught, "the creator was stopped")
        stopped["settler"] = until(lambda: settler.caught, "settlement took the order on", 20)
        os.kill(stopped.pop("creator"), signal.SIGCONT)
        [purchase] = buyers.purchases
        until(lambda: purchase.answers, "the creator did what it still could", 20)
    finally:
        for pid in stopped.values():
            os.kill(pid, signal.SIGCONT)
    assert held_up.result().acknowledged
    checked("creator wakes while its order is given back", 1, items)
