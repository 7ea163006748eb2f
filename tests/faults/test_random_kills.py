"""SIGKILL of API and worker processes at random times, under baskets and holds, with restarts."""

import random
from time import sleep

from tests.faults.buyers import Buyers
from tests.faults.conftest import FULL, Checked
from tests.faults.rig import Rig

BASKETS = 1000 if FULL else 100
ITEMS = 20


def _kill_at_random(rig: Rig, rng: random.Random, buyers: Buyers) -> int:
    """Kills until the last basket is asked for; how many."""
    kills = 0
    while len(buyers.purchases) < BASKETS:
        victim = rng.choice(rig.processes)
        # The random times are the experiment.
        sleep(rng.uniform(0.1, 3))
        victim.kill()
        sleep(rng.uniform(0, 0.5))
        victim.start()
        kills += 1
    return kills


def test_processes_killed_at_any_time_under_baskets_lose_double_and_half_fill_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random
) -> None:
    # The last one sells out on the way.
    stocks = [5000] * (ITEMS - 1) + [BASKETS // 10]
    items = {rig.system.add_item(stock): stock for stock in stocks}
    with buyers.crowd(list(items), clients=24, held=0.5):
        kills = _kill_at_random(rig, rng, buyers)
        rig.heal()
    orders = len(buyers.purchases)
    checked(f"API and worker killed at random under {orders} orders", kills, items)
