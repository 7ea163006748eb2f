"""One process's wall clock is minutes off."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.buyers import Buyers
from tests.faults.composition import CLOCK_OFF
from tests.faults.conftest import FULL, Checked
from tests.faults.rig import Rig
from tests.system import Asked

# STORE_TIMEOUT and a little: minutes would show.
ROUND_TRIP = timedelta(seconds=3)
HOLD = 2
OFF = ["-420", "300"] if FULL else ["-420"]


@pytest.mark.parametrize("seconds", OFF)
def test_a_clock_that_is_minutes_off_changes_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool, seconds: str
) -> None:
    odd = [rig.system.api[1], rig.system.worker[1]]
    began = datetime.now(UTC)
    try:
        for process in odd:
            process.kill()
            process.env[CLOCK_OFF] = seconds
            process.start()
        rig.system.await_api(1)
        items = {rig.system.add_item(500): 500 for _ in range(2)}
        orders: list[Asked] = [*items, dict.fromkeys(items, 1)] * (70 if full else 14)
        bought = [
            buyers.buy_and_cancel(asked) if rng.random() < 0.3 else buyers.buy(asked)
            for asked in orders
        ]
        bought += [buyers.buy(asked, hold=HOLD) for asked in orders]
        for each in bought:
            each.result()
        checked(f"clock of one API and worker {seconds} s off", 1, items)
        _assert_true_times(rig, items, began)
    finally:
        for process in odd:
            process.kill()
            del process.env[CLOCK_OFF]


def _assert_true_times(rig: Rig, items: dict[str, int], began: datetime) -> None:
    """To within a round trip to the store, which takes its time on a busy machine."""
    bounds = (began - ROUND_TRIP, datetime.now(UTC) + ROUND_TRIP)
    for item in items:
        for order in rig.system.orders(item):
            if hold := order.get("hold"):
                assert hold["expiresAt"] - order["settledAt"] == timedelta(seconds=HOLD)
                assert hold["expiresAt"] <= hold["expiredAt"]
            assert bounds[0] < order["createdAt"] < bounds[1]
            assert bounds[0] < order["updatedAt"] < bounds[1]
