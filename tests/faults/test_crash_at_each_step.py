"""SIGKILL of the API's process at every step of create and of cancel, before and after it."""

import random
import signal
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import FULL, Checked, both_when_full
from tests.faults.rig import Rig
from tests.faults.traps import Moment, Trap
from tests.waiting import until

_MOMENTS: tuple[Moment, ...] = ("before", "after")
_LEASED = ("leases.look", "orders.get_many", "inventory.read", "leases.acquire")
_STORED = ("inventory.overwrite", "orders.save_all", "leases.release")
CREATE = {
    "absolute": ("orders.add", *_LEASED, *_STORED),
    "conditional": ("orders.add", "inventory.deduct", "orders.save_all"),
}
CANCEL = {
    "absolute": ("orders.get", "orders.save", *_LEASED, *_STORED),
    "conditional": ("orders.get", "orders.save", "inventory.restore", "orders.save_all"),
}
# The full form's orders: 480 + 270 + 150 + 120, so a thousand and some.
ROUNDS = {("create", "absolute"): 6, ("create", "conditional"): 5}
ORDERS_EACH = 5


def _traps(steps: tuple[str, ...], rounds: int, rng: random.Random) -> list[Trap]:
    traps = [
        Trap(step, moment, signal.SIGKILL)
        for step in steps
        for moment in _MOMENTS
        for _ in range(rounds)
    ]
    rng.shuffle(traps)
    return traps


def _spring(rig: Rig, trap: Trap, act: Callable[[], object]) -> None:
    """Sets the trap, and acts until an API process went into it."""
    set_trap = rig.traps.set(trap)
    act()
    until(lambda: set_trap.caught, f"a process caught {trap}", 30)


def test_an_api_process_killed_at_any_step_of_a_create_loses_and_doubles_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    rounds = ROUNDS["create", rig.contract] if full else 1
    traps = _traps(CREATE[rig.contract], rounds, rng)
    items = {rig.system.add_item(100): 100 for _ in traps}
    bought: list[Future[Purchase]] = []
    for trap, item in zip(traps, items, strict=True):
        _spring(
            rig,
            trap,
            lambda item=item: bought.extend(buyers.buy(item) for _ in range(ORDERS_EACH)),
        )
    assert all(each.result().final for each in bought)
    checked("API killed at each step of create", len(traps), items)


def test_an_api_process_killed_at_any_step_of_a_cancel_gives_stock_back_once(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    traps = _traps(CANCEL[rig.contract], 3 if full else 1, rng)
    items = {rig.system.add_item(100): 100 for _ in traps}
    bought = {item: [buyers.buy(item) for _ in range(ORDERS_EACH)] for item in items}
    orders = {item: [each.result() for each in waiting] for item, waiting in bought.items()}
    cancelled: list[Future[Purchase]] = []
    for trap, item in zip(traps, items, strict=True):
        # One stays, so that not everything is given back.
        to_cancel = orders[item][1:]
        _spring(
            rig,
            trap,
            lambda to_cancel=to_cancel: cancelled.extend(map(buyers.cancel, to_cancel)),
        )
    for each in cancelled:
        each.result()
    checked("API killed at each step of cancel", len(traps), items)


@both_when_full
@pytest.mark.parametrize("moment", _MOMENTS if FULL else _MOMENTS[:1])
def test_a_worker_killed_while_it_settles_leaves_the_settling_to_the_next_worker(
    rig: Rig, buyers: Buyers, checked: Checked, moment: Moment
) -> None:
    deduct = "leases.acquire" if rig.contract == "absolute" else "inventory.deduct"
    item = rig.system.add_item(100)
    first = rig.traps.set(Trap(deduct, "after", signal.SIGKILL))
    in_settlement = rig.traps.set(Trap("orders.save_all", moment, signal.SIGKILL, role="worker"))
    purchase = buyers.buy(item)
    until(lambda: first.caught, "the API was killed")
    until(lambda: in_settlement.caught, "a worker was killed while it settled", 30)
    purchase.result()
    checked(f"worker killed {moment} it stores what it settled", 1, {item: 100})
