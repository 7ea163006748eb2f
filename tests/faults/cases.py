"""Orders that go into traps: for each trap items of its own."""

import random
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from tests.faults.buyers import Buyers, Purchase
from tests.faults.rig import Rig
from tests.faults.steps import Steps, of_one_line, traps
from tests.faults.traps import SetTrap, Trap
from tests.system import Asked
from tests.waiting import until

STOCK = 100
ORDERS_EACH = 5


@dataclass(frozen=True)
class Case:
    """A trap, and the items of the orders that are to go into it. ``is_held``: the orders are."""

    trap: Trap
    items: list[str]
    is_held: bool = False

    @property
    def orders(self) -> list[Asked]:
        """In both orders of the lines by turns."""
        lines = dict.fromkeys(self.items, 1)
        return [lines if n % 2 else dict(reversed(lines.items())) for n in range(ORDERS_EACH)]

    def buy(self, buyers: Buyers, hold: int) -> "list[Future[Purchase]]":
        """``hold``: for how many seconds, where the orders are held."""
        return [buyers.buy(each, hold=hold if self.is_held else None) for each in self.orders]


def cases_at(rig: Rig, steps: Steps, rng: random.Random, rounds: int) -> list[Case]:
    """At each step of baskets; and of orders of one line, in the short form at a few. Orders are
    held by turns: from two rounds on, orders that are held and others go into each step. The full
    form's orders are two thousand and some."""
    one_line = traps(of_one_line(steps), signal.SIGKILL)
    set_up = [(each, 2) for each in traps(steps, signal.SIGKILL)]
    set_up += [(each, 1) for each in (one_line if rounds > 1 else rng.sample(one_line, 2))]
    rng.shuffle(set_up)
    return [
        Case(trap, shelf(rig, lines), is_held=(n + turn) % 2 == 0)
        for turn in range(rounds)
        for n, (trap, lines) in enumerate(set_up)
    ]


def shelf(rig: Rig, number: int) -> list[str]:
    return [rig.system.add_item(STOCK) for _ in range(number)]


def stocks(cases: Sequence[Case]) -> dict[str, int]:
    return {item: STOCK for case in cases for item in case.items}


def spring(rig: Rig, trap: Trap, act: Callable[[], object]) -> None:
    """Sets the trap, and acts until a process went into it."""
    set_trap = rig.traps.set(trap)
    act()
    until(lambda: set_trap.caught, f"a process caught {trap}", 30)


def all_caught(rig: Rig, set_traps: Sequence[SetTrap]) -> bool:
    """Starts dead workers again, for the traps that are left."""
    for worker in rig.system.worker:
        worker.start()
    return all(each.caught for each in set_traps)
