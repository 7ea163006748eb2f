"""The inventory does every wrong thing there is, to each request in turn."""

import random
from concurrent.futures import Future
from itertools import product
from time import sleep

import pytest

from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import Checked, full_only
from tests.faults.rig import Rig
from tests.misbehaving import (
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_AFTER,
    ERROR_BEFORE,
    GATEWAY_TIMEOUT_AFTER,
    HANG_AFTER,
    HANG_BEFORE,
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
BOTH = ("create", "cancel")
# Each request, and what sends it.
REQUESTS = {
    "absolute": (("GET", "/stock/", BOTH), ("PATCH", "/update-stock/", BOTH)),
    "conditional": (("POST", "/deduct-stock/", BOTH[:1]), ("POST", "/restore-stock/", BOTH[1:])),
}


@pytest.mark.parametrize("place", [0, 1], ids=["first request", "second request"])
def test_whatever_the_inventory_does_to_a_request_stock_and_orders_agree(
    rig: Rig, buyers: Buyers, checked: Checked, full: bool, place: int
) -> None:
    method, path, acts = REQUESTS[rig.contract][place]
    times = (1, 2, 3) if full else (2,)
    # An item for each case, so that all are tried at once.
    cases = {rig.system.add_item(20): each for each in product(FAULTS, times, acts)}
    to_cancel = {item: _bought(buyers, item) for item, case in cases.items() if "cancel" in case}
    asked: list[Future[Purchase]] = []
    for item, (fault, number, act) in cases.items():
        rig.proxy.misbehave(fault, method=method, path=path + item, times=number)
        if act == "create":
            asked += [buyers.buy(item, 2) for _ in range(4)]
        else:
            asked += [buyers.cancel(purchase.result()) for purchase in to_cancel[item][1:]]
    for each in asked:
        assert each.result().final
    runs = sum(number for _, number, _ in cases.values())
    checked(f"inventory misbehaves: {method} {path.strip('/')}", runs, dict.fromkeys(cases, 20))


def _bought(buyers: Buyers, item: str) -> "list[Future[Purchase]]":
    return [buyers.buy(item, 2) for _ in range(4)]


# In the short form single requests are refused, above.
@full_only
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
