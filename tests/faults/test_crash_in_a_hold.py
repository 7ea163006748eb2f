"""SIGKILL at every step of what ends a hold: confirmation, extension, expiry. Creates and
cancellations of held orders are killed beside those of others (test_crash_at_each_step.py)."""

import random
import signal
from concurrent.futures import Future

from tests.faults.buyers import Buyers, Purchase
from tests.faults.cases import Case, all_caught, shelf, spring, stocks
from tests.faults.conftest import Checked, both_when_full
from tests.faults.rig import Rig
from tests.faults.steps import CONFIRM, EXPIRE, of_one_line, traps
from tests.waiting import until


@both_when_full
def test_an_api_process_killed_while_it_confirms_or_extends_loses_no_hold_and_no_sale(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    killed_at = traps(CONFIRM, signal.SIGKILL) * (3 if full else 1)
    cases = [Case(each, shelf(rig, 2), is_held=True) for each in killed_at for _ in range(2)]
    bought = [case.buy(buyers, hold=600) for case in cases]
    asked: list[Future[Purchase]] = []
    for number, (case, waiting) in enumerate(zip(cases, bought, strict=True)):
        held = [each.result() for each in waiting]
        # What was extended expires soon.
        act = buyers.confirm if number % 2 else lambda each: buyers.extend(each, hold=1)
        spring(rig, case.trap, lambda act=act, held=held: asked.extend(map(act, held)))
    for each in asked:
        each.result()
    row = checked("API killed while it confirms or extends", len(cases), stocks(cases))
    assert row.held > row.expired > 0


def test_a_worker_killed_at_any_step_of_an_expiry_gives_each_line_back_once(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    steps = EXPIRE[rig.contract]
    cases = [Case(each, shelf(rig, 2)) for each in traps(steps, signal.SIGKILL, "worker")]
    cases += [
        Case(each, shelf(rig, 1)) for each in traps(of_one_line(steps), signal.SIGKILL, "worker")
    ]
    cases = cases if full else rng.sample(cases, 5)
    bought: list[Future[Purchase]] = []
    for case in cases:
        set_trap = rig.traps.set(case.trap)
        # Two at a time, so that orders of the same items share a commit.
        bought += [buyers.buy(each, hold=1) for each in case.orders[:2]]
        until(lambda set_trap=set_trap: all_caught(rig, [set_trap]), f"killed {case.trap}", 30)
    for each in bought:
        each.result()
    row = checked("worker killed at steps of an expiry", len(cases), stocks(cases))
    assert row.expired == row.held > 0
