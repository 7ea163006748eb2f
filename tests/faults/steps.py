"""The calls of ports that a request makes, in their order: at each a process can be stopped.

Those of an order of two lines; an order of one line makes the same, without a second call of the
inventory and without the leases of other items.
"""

import re
import signal
from typing import Final

from tests.faults.traps import Moment, Trap

Steps = tuple[str, ...]

MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")
_READ = ("leases.look", "orders.get_many", "inventory.read", "inventory.read 2")
_OVERWRITE = ("inventory.overwrite", "inventory.overwrite 2")
_ABSOLUTE = (*_READ, "leases.acquire_all", "leases.acquire", *_OVERWRITE)
CREATE: Final = {
    "absolute": ("orders.add", *_ABSOLUTE, "orders.save_all", "leases.release"),
    "conditional": ("orders.add", "inventory.deduct", "inventory.deduct 2", "orders.save_all"),
}
CANCEL: Final = {
    "absolute": ("orders.get", "orders.save", *_ABSOLUTE, "orders.save_all", "leases.release"),
    "conditional": (
        *("orders.get", "orders.save", "inventory.restore", "inventory.restore 2"),
        "orders.save_all",
    ),
}
# Of a worker that finds a hold that is over. "inventory.check" follows on the look for such holds
# at once; what the worker does before the look is done without a hold, too.
EXPIRE: Final = {
    "absolute": (
        *("inventory.check", "orders.save_all", *_ABSOLUTE, "orders.save_all 2", "leases.release"),
    ),
    "conditional": (
        *("inventory.check", "orders.save_all", "inventory.restore", "inventory.restore 2"),
        "orders.save_all 2",
    ),
}
# Of the caller of a held order: one write, whatever the contract is.
CONFIRM: Final = ("orders.get", "orders.save")
# A create whose second line is refused.
REFUSE: Final = {
    "absolute": (*_READ, "orders.save_all"),
    "conditional": (
        *("inventory.deduct", "inventory.deduct 2", "orders.save", "inventory.restore"),
        "orders.save_all",
    ),
}
# Of settlement, for a create that was left open.
SETTLE: Final = {
    "absolute": (
        *("leases.acquire", "orders.get_many", "inventory.read", "inventory.read 2"),
        *(*_OVERWRITE, "orders.save_all", "leases.look", "leases.release"),
    ),
    "conditional": (
        *("orders.save", "inventory.deduct", "inventory.deduct 2", "inventory.restore"),
        *("inventory.restore 2", "orders.save_all"),
    ),
}
# Of a basket whose leases others were faster to take.
RESERVE: Final = ("leases.acquire_again",)
# Of whoever finds an item that was taken for an order which was never decided.
WITHDRAW: Final = ("leases.look_durably", "leases.acquire", "leases.clear")
_OF_SEVERAL_LINES = re.compile(r"leases\.acquire_all|inventory\.\w+ 2")


def of_one_line(steps: Steps) -> Steps:
    return tuple(step for step in steps if not _OF_SEVERAL_LINES.fullmatch(step))


def traps(steps: Steps, number: int, role: str = "api") -> list[Trap]:
    """One at each step and moment."""
    return [trap(step, moment, number, role) for step in steps for moment in MOMENTS]


def trap(step: str, moment: Moment, number: int = signal.SIGKILL, role: str = "api") -> Trap:
    """``step``: a call, or the second of its name (``inventory.read 2``). ``number``: of a
    signal."""
    name, _, call = step.partition(" ")
    return Trap(name, moment, number, role, int(call or 1))
