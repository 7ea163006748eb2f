"""SIGKILL of the API's process at every step of create and of cancel, before and after it."""

import random
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.lease import LeaseStore
from order_service.application.stock.operations import ConditionalInventory
from order_service.application.stock.overwriting import OverwritingInventory
from tests.faults.buyers import Buyers, Purchase
from tests.faults.conftest import Checked, absolute_only, both_when_full
from tests.faults.rig import Rig
from tests.faults.steps import (
    CANCEL,
    CREATE,
    MOMENTS,
    REFUSE,
    RESERVE,
    SETTLE,
    WITHDRAW,
    Steps,
    of_one_line,
    trap,
    traps,
)
from tests.faults.traps import SetTrap, Trap
from tests.system import Asked
from tests.waiting import until

STOCK = 100
ORDERS_EACH = 5


def test_every_call_of_the_ports_that_move_stock_is_a_step_at_which_something_is_killed() -> None:
    ports = {
        "orders": (OrderRepository,),
        "leases": (LeaseStore,),
        "inventory": (OverwritingInventory, ConditionalInventory),
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
        for request in (CREATE, CANCEL, REFUSE, SETTLE, {"absolute": WITHDRAW + RESERVE})
        for steps in request.values()
        for step in steps
    }
    # The breaker is asked in memory. A lease is renewed by a commit that lasts longer than half of
    # the lease: unit tests let such a commit lose its lease. A new order is added besides.
    assert calls - stepped == {"inventory.available", "leases.renew"}
    assert stepped - calls == {"orders.add"}


@dataclass(frozen=True)
class Case:
    """A trap, and the items of the orders that are to go into it."""

    trap: Trap
    items: list[str]

    @property
    def orders(self) -> list[Asked]:
        """In both orders of the lines by turns."""
        lines = dict.fromkeys(self.items, 1)
        return [lines if n % 2 else dict(reversed(lines.items())) for n in range(ORDERS_EACH)]


def _cases(rig: Rig, steps: Steps, rng: random.Random, rounds: int) -> list[Case]:
    """At each step of baskets; and of orders of one line, in the short form at a few. The full
    form's orders are a thousand and some."""
    of_baskets = traps(steps, signal.SIGKILL) * rounds
    one_line = traps(of_one_line(steps), signal.SIGKILL)
    set_up = [(each, 2) for each in of_baskets]
    set_up += [(each, 1) for each in (one_line if rounds > 1 else rng.sample(one_line, 2))]
    rng.shuffle(set_up)
    return [Case(each, _shelf(rig, lines)) for each, lines in set_up]


def _shelf(rig: Rig, number: int) -> list[str]:
    return [rig.system.add_item(STOCK) for _ in range(number)]


def _stocks(cases: Sequence[Case]) -> dict[str, int]:
    return {item: STOCK for case in cases for item in case.items}


def _spring(rig: Rig, trap: Trap, act: Callable[[], object]) -> None:
    """Sets the trap, and acts until an API process went into it."""
    set_trap = rig.traps.set(trap)
    act()
    until(lambda: set_trap.caught, f"a process caught {trap}", 30)


def test_an_api_process_killed_at_any_step_of_a_create_loses_and_doubles_nothing(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    cases = _cases(rig, CREATE[rig.contract], rng, 3 if full else 1)
    bought: list[Future[Purchase]] = []
    for case in cases:
        _spring(rig, case.trap, lambda case=case: bought.extend(map(buyers.buy, case.orders)))
    assert all(each.result().final for each in bought)
    checked("API killed at each step of create", len(cases), _stocks(cases))


def test_an_api_process_killed_at_any_step_of_a_cancel_gives_each_line_back_once(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    cases = _cases(rig, CANCEL[rig.contract], rng, 2 if full else 1)
    bought = [[buyers.buy(asked) for asked in case.orders] for case in cases]
    orders = [[each.result() for each in waiting] for waiting in bought]
    cancelled: list[Future[Purchase]] = []
    for case, (_, *to_cancel) in zip(cases, orders, strict=True):
        # One stays, so that not everything is given back.
        _spring(
            rig,
            case.trap,
            lambda to_cancel=to_cancel: cancelled.extend(map(buyers.cancel, to_cancel)),
        )
    for each in cancelled:
        each.result()
    checked("API killed at each step of cancel", len(cases), _stocks(cases))


def test_an_api_process_killed_at_any_step_of_a_refusal_leaves_no_line_taken(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    set_traps = traps(REFUSE[rig.contract], signal.SIGKILL)
    set_traps = set_traps if full else rng.sample(set_traps, 4)
    rng.shuffle(set_traps)
    cases = [Case(each, [*_shelf(rig, 1), rig.system.add_item(0)]) for each in set_traps]
    bought: list[Future[Purchase]] = []
    for case in cases:
        _spring(rig, case.trap, lambda case=case: bought.extend(map(buyers.buy, case.orders)))
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
    cases = [Case(trap(left_at, "after"), _shelf(rig, 2)) for _ in killed_at]
    bought: list[Future[Purchase]] = []
    for case in cases:
        basket = case.orders[0]
        _spring(rig, case.trap, lambda basket=basket: bought.append(buyers.buy(basket)))
    in_settlement = [rig.traps.set(each) for each in killed_at]
    until(lambda: _all_killed(rig, in_settlement), "workers were killed while they settled", 60)
    for each in bought:
        each.result()
    checked("worker killed at steps of settlement", len(killed_at), _stocks(cases))


def _all_killed(rig: Rig, set_traps: Sequence[SetTrap]) -> bool:
    """Starts dead workers again, for the traps that are left."""
    for worker in rig.system.worker:
        worker.start()
    return all(each.caught for each in set_traps)


@absolute_only
def test_whoever_is_killed_while_clearing_an_undecided_commit_leaves_that_to_the_next(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    steps = WITHDRAW if full else rng.sample(WITHDRAW, 2)
    killed_at = [trap(step, rng.choice(MOMENTS)) for step in steps]
    cases = [Case(trap("leases.acquire_all", "after"), _shelf(rig, 2)) for _ in killed_at]
    bought: list[Future[Purchase]] = []
    # One after another: of orders that a killed process leaves the worker clears what they found.
    for case, killed in zip(cases, killed_at, strict=True):
        basket = case.orders[0]
        _spring(rig, case.trap, lambda basket=basket: bought.append(buyers.buy(basket)))
        # The order finds the lease of the lower item, which names the primary.
        lower = case.items[0]
        _spring(rig, killed, lambda lower=lower: bought.append(buyers.buy(lower)))
    for each in bought:
        each.result()
    checked("API killed while it clears an undecided commit", len(killed_at), _stocks(cases))


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
            _spring(rig, each, lambda: None)
    checked("API killed with leases that it reserved", len(killed_at), items)
