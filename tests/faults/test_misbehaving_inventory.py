"""The inventory does every wrong thing there is, to each request in turn."""

import random
from concurrent.futures import Future
from time import sleep

import pytest

from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import CONTRACTS, Checked
from tests.faults.rig import Rig
from tests.misbehaving import (
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_AFTER,
    ERROR_BEFORE,
    GATEWAY_TIMEOUT_AFTER,
    HANG_AFTER,
    HANG_BEFORE,
    Fault,
    slow,
    slow_to_answer,
)

# Beyond the read time-out, and applied well within the lease: what arrives after it is the hole
# that the overwriting contract leaves.
_LATE = 1.2
FAULTS = (
    slow(_LATE),
    slow_to_answer(_LATE),
    HANG_BEFORE,
    HANG_AFTER,
    ERROR_BEFORE,
    ERROR_AFTER,
    GATEWAY_TIMEOUT_AFTER,
    CUT_BEFORE,
    CUT_AFTER,
)
READ = ("GET", "/stock/")
OVERWRITE = ("PATCH", "/update-stock/")
DEDUCT = ("POST", "/deduct-stock/")
RESTORE = ("POST", "/restore-stock/")
REQUESTS = {"absolute": (READ, OVERWRITE), "conditional": (DEDUCT, RESTORE)}


@pytest.mark.parametrize("place", [0, 1], ids=["first request", "second request"])
def test_whatever_the_inventory_does_to_a_request_stock_and_orders_agree(
    rig: Rig, buyers: Buyers, checked: Checked, full: bool, place: int
) -> None:
    method, path = REQUESTS[rig.contract][place]
    times = (1, 2, 3) if full else (2,)
    cases = [(fault, number) for fault in FAULTS for number in times]
    items = {rig.system.add_item(20): 20 for _ in cases}
    # An item for each fault, so that all are tried at once.
    asked: list[Future[Purchase]] = []
    for (fault, number), item in zip(cases, items, strict=True):
        kept = [buyers.buy(item, 2) for _ in range(3)]
        # A cancellation has its own requests, so it meets the fault too.
        _misbehave(rig, fault, method, path + item, number)
        asked += [*kept, *(buyers.buy_and_cancel(item) for _ in range(3))]
    for each in asked:
        assert each.result().final
    checked(f"inventory misbehaves: {method} {path.strip('/')}", sum(n for _, n in cases), items)


def _misbehave(rig: Rig, fault: Fault, method: str, path: str, times: int) -> None:
    rig.proxy.misbehave(fault, method=method, path=path, times=times)


def test_an_inventory_that_refuses_connections_under_load_costs_no_order(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    items = {rig.system.add_item(5000): 5000 for _ in range(3)}
    outages = 5 if full else 2
    with buyers.crowd(list(items)):
        for _ in range(outages):
            sleep(rng.uniform(0.3, 1))
            rig.proxy.refuse()
            sleep(rng.uniform(0.3, 1.5))
            rig.proxy.accept()
        sleep(0.5)
    checked("inventory refuses under load", outages, items)


def test_both_contracts_are_tried() -> None:
    assert set(REQUESTS) == set(CONTRACTS)
