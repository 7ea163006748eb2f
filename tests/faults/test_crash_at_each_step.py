"""SIGKILL of the API's process at every step of create and of cancel, before and after it."""

import random
import signal
from concurrent.futures import Future

from order_service.application.orders.expire import HeldOrders, InventoryCheck
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.lease import LeaseStore
from order_service.application.stock.operations import ConditionalInventory
from order_service.application.stock.overwriting import OverwritingInventory
from tests.faults.buyers import Buyers, Purchase
from tests.faults.cases import STOCK, Case, all_caught, cases_at, shelf, spring, stocks
from tests.faults.conftest import Checked, absolute_only, both_when_full
from tests.faults.rig import Rig
from tests.faults.steps import (
    CANCEL,
    CREATE,
    EXPIRE,
    MOMENTS,
    REFUSE,
    RESERVE,
    SETTLE,
    WITHDRAW,
    trap,
    traps,
)
from tests.waiting import until


def test_every_call_of_the_ports_that_move_stock_is_a_step_at_which_something_is_killed() -> None:
    ports = {
        "orders": (OrderRepository, HeldOrders),
        "leases": (LeaseStore,),
        "inventory": (OverwritingInventory, ConditionalInventory, InventoryCheck),
    }
    calls = {
        f"{name}.{call}"
        for name, protocols in ports.items()
        for protocol in protocols
        for call in vars(protocol)
        if not call.startswith("_")
    }
    stepped = {
        step.split(" ")[0]
        for request in (CREATE, CANCEL, REFUSE, SETTLE, EXPIRE, {"absolute": WITHDRAW + RESERVE})
        for steps in request.values()
        for step in steps
    }
    # The breaker is asked in memory. A lease is renewed by a commit that lasts longer than half of
    # the lease: unit tests let such a commit lose its lease. The look for holds that are over is
    # followed by the check of the inventory at once. A new order is added besides.
    assert calls - stepped == {"inventory.available", "leases.renew", "orders.held_until"}
    assert stepped - calls == {"orders.add"}


def test_an_api_process_killed_at_any_step_of_a_create_loses_and_doubles_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    cases = cases_at(rig, CREATE[rig.contract], rng, 3 if full else 1)
    bought: list[Future[Purchase]] = []
    for case in cases:
        spring(rig, case.trap, lambda case=case: bought.extend(case.buy(buyers, hold=2)))
    assert all(each.result().final for each in bought)
    checked("API killed at each step of create", len(cases), stocks(cases))


def test_an_api_process_killed_at_any_step_of_a_cancel_gives_each_line_back_once(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    cases = cases_at(rig, CANCEL[rig.contract], rng, 2 if full else 1)
    bought = [case.buy(buyers, hold=600) for case in cases]
    orders = [[each.result() for each in waiting] for waiting in bought]
    cancelled: list[Future[Purchase]] = []
    for case, (kept, *to_cancel) in zip(cases, orders, strict=True):
        # One stays, so that not everything is given back.
        if case.is_held:
            buyers.confirm(kept).result()
        spring(
            rig,
            case.trap,
            lambda to_cancel=to_cancel: cancelled.extend(map(buyers.cancel, to_cancel)),
        )
    for each in cancelled:
        each.result()
    checked("API killed at each step of cancel", len(cases), stocks(cases))


def test_an_api_process_killed_at_any_step_of_a_refusal_leaves_no_line_taken(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    set_traps = traps(REFUSE[rig.contract], signal.SIGKILL)
    set_traps = set_traps if full else rng.sample(set_traps, 4)
    rng.shuffle(set_traps)
    cases = [Case(each, [*shelf(rig, 1), rig.system.add_item(0)]) for each in set_traps]
    bought: list[Future[Purchase]] = []
    for case in cases:
        spring(rig, case.trap, lambda case=case: bought.extend(map(buyers.buy, case.orders)))
    for each in bought:
        assert [answer.status for answer in each.result().answers][-1] == 400
    plenty, short = ({case.items[n] for case in cases} for n in (0, 1))
    items = dict.fromkeys(plenty, STOCK) | dict.fromkeys(short, 0)
    row = checked("API killed at each step of a refusal", len(cases), items)
    assert row.acknowledged == 0


@both_when_full
def test_a_worker_killed_while_it_settles_leaves_the_settling_to_the_next_worker(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    for worker in rig.system.worker:
        worker.kill()
    left_at = "leases.acquire" if rig.contract == "absolute" else "inventory.deduct"
    killed_at = rng.sample(traps(SETTLE[rig.contract], signal.SIGKILL, "worker"), 5 if full else 1)
    # Each kill may leave its basket to somebody who goes by the other traps.
    cases = [Case(trap(left_at, "after"), shelf(rig, 2)) for _ in killed_at]
    bought: list[Future[Purchase]] = []
    for case in cases:
        basket = case.orders[0]
        spring(rig, case.trap, lambda basket=basket: bought.append(buyers.buy(basket)))
    in_settlement = [rig.traps.set(each) for each in killed_at]
    until(lambda: all_caught(rig, in_settlement), "workers were killed while they settled", 60)
    for each in bought:
        each.result()
    checked("worker killed at steps of settlement", len(killed_at), stocks(cases))


@absolute_only
def test_whoever_is_killed_while_clearing_an_undecided_commit_leaves_that_to_the_next(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    steps = WITHDRAW if full else rng.sample(WITHDRAW, 2)
    killed_at = [trap(step, rng.choice(MOMENTS)) for step in steps]
    cases = [Case(trap("leases.acquire_all", "after"), shelf(rig, 2)) for _ in killed_at]
    bought: list[Future[Purchase]] = []
    # One after another: of orders that a killed process leaves the worker clears what they found.
    for case, killed in zip(cases, killed_at, strict=True):
        basket = case.orders[0]
        spring(rig, case.trap, lambda basket=basket: bought.append(buyers.buy(basket)))
        # The order finds the lease of the lower item, which names the primary.
        lower = case.items[0]
        spring(rig, killed, lambda lower=lower: bought.append(buyers.buy(lower)))
    for each in bought:
        each.result()
    checked("API killed while it clears an undecided commit", len(killed_at), stocks(cases))


@absolute_only
def test_an_api_process_killed_with_leases_that_it_reserved_loses_and_doubles_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    items = {rig.system.add_item(10_000): 10_000 for _ in range(3)}
    killed_at = traps(RESERVE, signal.SIGKILL) * (3 if full else 1)
    rng.shuffle(killed_at)
    # Enough buyers of the same items that a basket loses a lease to others.
    with buyers.crowd(list(items), clients=24):
        for each in killed_at:
            spring(rig, each, lambda: None)
    checked("API killed with leases that it reserved", len(killed_at), items)
