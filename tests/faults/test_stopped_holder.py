"""A process is stopped in the middle of its work, longer than its lease, and continued."""

import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import Checked, conditional_only
from tests.faults.rig import Rig
from tests.faults.test_crash_at_each_step import CANCEL, CREATE
from tests.faults.traps import Moment, Trap
from tests.waiting import until

_MOMENTS: tuple[Moment, ...] = ("before", "after")


@pytest.mark.parametrize("act", ["create", "cancel"])
def test_a_process_stopped_past_its_lease_and_continued_does_no_harm(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool, act: str
) -> None:
    steps = (CREATE if act == "create" else CANCEL)[rig.contract]
    traps = [Trap(step, moment, signal.SIGSTOP) for step in steps for moment in _MOMENTS]
    traps = rng.sample(traps, len(traps) if full else 2)
    items = {rig.system.add_item(50): 50 for _ in traps}
    for trap, item in zip(traps, items, strict=True):
        if act == "create":
            _stopped(rig, buyers, trap, item, lambda item=item: buyers.buy(item))
        else:
            bought = buyers.buy(item).result()
            _stopped(rig, buyers, trap, item, lambda bought=bought: buyers.cancel(bought))
    checked(f"stopped past its lease in a {act}", len(traps), items)


def _stopped(
    rig: Rig, buyers: Buyers, trap: Trap, item: str, act: Callable[[], "Future[Purchase]"]
) -> None:
    """Act, stop the process that carries it out, and continue it when others were served."""
    set_trap = rig.traps.set(trap)
    held_up = act()
    stopped = until(lambda: set_trap.caught, f"a process was stopped {trap}", 30)
    try:
        known = rig.url_of(stopped)
        buyers.urls = [url for url in rig.system.urls if url != known]
        # They are served only when the lease is free again, or was never taken.
        for each in [buyers.buy(item), buyers.buy(item, 2)]:
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
    item = rig.system.add_item(50)
    rig.system.worker[1].kill()
    creator = rig.traps.set(Trap("orders.save_all", "before", signal.SIGSTOP))
    settler = rig.traps.set(Trap("orders.save", "after", signal.SIGSTOP, role="worker"))
    held_up = buyers.buy(item)
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
    checked("creator wakes while its order is given back", 1, {item: 50})
