"""The inventory does every wrong thing there is, to each request in turn."""

import json
import os
import random
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import product
from time import monotonic, sleep

import pytest

from devstack.ports import LOOPBACK
from tests.faults import table
from tests.faults.addresses import dead_address
from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import Checked, absolute_only, full_only
from tests.faults.rig import LEASE_SECONDS, Rig
from tests.faults.traps import Trap
from tests.misbehaving import (
    CLOSE,
    CUT_AFTER,
    CUT_BEFORE,
    ERROR_AFTER,
    ERROR_BEFORE,
    GATEWAY_TIMEOUT_AFTER,
    HANG_AFTER,
    HANG_BEFORE,
    TRICKLE,
    Fault,
    slow,
    slow_to_answer,
)
from tests.system import Asked
from tests.waiting import until

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
    TRICKLE,
)
BOTH = ("create", "cancel")
# Each request, and what sends it.
REQUESTS = {
    "absolute": (("GET", "/stock/", BOTH), ("PATCH", "/update-stock/", BOTH)),
    "conditional": (("POST", "/deduct-stock/", BOTH[:1]), ("POST", "/restore-stock/", BOTH[1:])),
}


@dataclass(frozen=True)
class Case:
    """What is done how many times to the requests for one of the items of an act's baskets."""

    fault: Fault
    times: int
    act: str
    items: list[str]


@pytest.mark.parametrize("place", [0, 1], ids=["first request", "second request"])
def test_whatever_the_inventory_does_to_a_request_stock_and_orders_agree(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool, place: int
) -> None:
    method, path, acts = REQUESTS[rig.contract][place]
    times = (1, 2, 3) if full else (2,)
    # Items of its own for each case, so that all are tried at once.
    cases = [
        Case(*each, [rig.system.add_item(20) for _ in range(2)])
        for each in product(FAULTS, times, acts)
    ]
    bought = {id(each): _bought(buyers, each.items) for each in cases if each.act == "cancel"}
    asked: list[Future[Purchase]] = []
    for case in cases:
        # The item that is moved first, or the item whose lease decides.
        item = rng.choice(case.items)
        rig.proxy.misbehave(case.fault, method=method, path=path + item, times=case.times)
        if case.act == "create":
            asked += _bought(buyers, case.items)
        else:
            asked += [buyers.cancel(each.result()) for each in bought[id(case)][1:]]
    for each in asked:
        assert each.result().final
    runs = sum(case.times for case in cases)
    items = {item: 20 for case in cases for item in case.items}
    checked(f"inventory misbehaves: {method} {path.strip('/')}", runs, items)


def _bought(buyers: Buyers, items: Sequence[str]) -> "list[Future[Purchase]]":
    """Baskets in both orders of the lines, and an order of either item alone."""
    first, second = items
    orders: list[Asked] = [{first: 2, second: 1}, {second: 1, first: 2}, first, second]
    return [buyers.buy(each) for each in orders]


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


# The total of a call is 1.5 s in the rig (INVENTORY_CONNECT_TIMEOUT and INVENTORY_READ_TIMEOUT).
_FAR_BEYOND_A_CALL = "5.0"


def test_trickling_answers_hold_up_orders_and_settlement_no_longer_than_a_call(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    # As many baskets as all the threads that the API has for them.
    left, *items = (rig.system.add_item(20) for _ in range(2 * 2 * 32 + 1))
    others = [dict.fromkeys(pair, 1) for pair in zip(items[::2], items[1::2], strict=True)]
    method, path, _ = REQUESTS[rig.contract][-1 if rig.contract == "absolute" else 0]
    rig.proxy.misbehave(HANG_BEFORE, method=method, path=path + left)
    asked = [buyers.buy(left)]
    until(lambda: asked[0].done(), "an order that is left to settlement", 30)
    rig.proxy.behave()
    rig.proxy.misbehave(TRICKLE)
    before = len(rig.proxy.requests)
    asked += map(buyers.buy, others)
    until(lambda: len(rig.proxy.requests) - before > len(others), "requests that trickle", 30)
    until(lambda: rig.is_overdue(left), "an order that settlement tries", 30)
    rig.proxy.behave()
    well = monotonic()
    extra = rig.system.add_item(20)
    for url in rig.system.urls:
        until(lambda url=url: rig.system.create(extra, url=url).status_code == 201, "an order", 60)
    to_order = monotonic() - well
    until(lambda: not rig.waits(left), "a settlement", 60)
    to_settlement = monotonic() - well
    for each in asked:
        assert each.result().final
    table.NOTES.append(
        f"{rig.contract}, from a well inventory after trickles to the first order: "
        f"{to_order:.1f} s, to the first settlement: {to_settlement:.1f} s"
    )
    assert to_order < 5
    assert to_settlement < 10
    assert rig.slow_calls(_FAR_BEYOND_A_CALL) == 0
    checked("answers trickle", len(others), dict.fromkeys([left, *items], 20))


@absolute_only
def test_addresses_that_do_not_answer_let_no_overwrite_out_after_its_lease(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    item = rig.system.add_item(20)
    # So that the overwrite needs a connection of its own.
    rig.proxy.misbehave(CLOSE, method="GET")
    with dead_address() as dead:
        # At half a second each, the last one's turn would come after the lease of five.
        addresses = [dead] * 14 + [(LOOPBACK, rig.proxy.port)]
        rig.addresses.put_down(addresses)
        before = {url: rig.overwrites_ended(url) for url in rig.system.urls}
        trap = rig.traps.set(Trap("inventory.overwrite", "before", signal.SIGSTOP))
        held_up = buyers.buy(item)
        stopped = until(lambda: trap.caught, "a process with a lease", 30)
        known = rig.url_of(stopped)
        try:
            rig.addresses.put_down(addresses)
        finally:
            os.kill(stopped, signal.SIGCONT)
        until(lambda: rig.addresses.asked.exists() or rig.overwrites(item), "its request", 30)
        rig.addresses.clear()
        buyers.urls = [url for url in rig.system.urls if url != known]
        for each in [buyers.buy(item), buyers.buy(item)]:
            each.result()
        buyers.urls = list(rig.system.urls)
        held_up.result()
        # It may have been answered for long by somebody else.
        until(lambda: rig.overwrites_ended(known) > before[known], "the end of its request", 30)
    checked("addresses that do not answer", 1, {item: 20})
    assert rig.slow_calls(_FAR_BEYOND_A_CALL) == 0


@absolute_only
@full_only
def test_an_overwrite_that_arrives_after_its_lease_is_named_by_reconcile(
    rig: Rig, buyers: Buyers
) -> None:
    """Nobody can prevent that through this contract; so it must not look as if all agreed."""
    item, other = (rig.system.add_item(1000) for _ in range(2))
    rig.proxy.misbehave(slow(LEASE_SECONDS + 2), method="PATCH", path=item, times=1)
    late = buyers.buy({item: 1, other: 1})
    until(lambda: rig.overwrites(item), "its request", 30)
    others = [buyers.buy(item), buyers.buy(item)]
    for each in [*others, late]:
        each.result()
    until(lambda: rig.system.stock(item) == 999, "what was not heard of arrives", 30)
    until(lambda: rig.system.stock_changes(item)[0]["previousStock"] == 997, "the log", 30)
    told = rig.command("reconcile", "--json", "--grace=0", "--item", item)
    assert told.returncode == 1, told.stdout + told.stderr
    [report] = json.loads(told.stdout)["items"]
    assert [finding["kind"] for finding in report["findings"]] == ["overwritten_again"]
