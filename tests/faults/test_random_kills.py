"""SIGKILL at random times, under load, with restarts."""

import random
from collections.abc import Sequence
from time import sleep

import pytest

from devstack.processes import ManagedProcess
from tests.faults.buyers import Buyers
from tests.faults.conftest import FULL, Checked
from tests.faults.rig import Rig

VICTIMS = ["the API", "the worker", "both"] if FULL else ["both"]
KILLS = 14 if FULL else 6


def _victims(rig: Rig, name: str) -> Sequence[ManagedProcess]:
    kinds = {"the API": rig.system.api, "the worker": rig.system.worker, "both": rig.processes}
    return kinds[name]


def _kill_at_random(victims: Sequence[ManagedProcess], rng: random.Random, kills: int) -> None:
    for _ in range(kills):
        victim = rng.choice(victims)
        # The random times are the experiment.
        sleep(rng.uniform(0.1, 1))
        victim.kill()
        sleep(rng.uniform(0, 0.5))
        victim.start()


@pytest.mark.parametrize("victims", VICTIMS)
def test_processes_killed_at_any_time_under_load_lose_and_double_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, victims: str
) -> None:
    # The last one sells out on the way.
    stocks = [5000, 5000, 5000, 40]
    items = {rig.system.add_item(stock): stock for stock in stocks}
    with buyers.crowd(list(items)):
        _kill_at_random(_victims(rig, victims), rng, KILLS)
        rig.heal()
    checked(f"{victims} killed at random under load", KILLS, items)
