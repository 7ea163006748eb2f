"""How long it takes from a crash to the settled order, with the settings as they come."""

import signal
from pathlib import Path
from time import monotonic

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.faults import table
from tests.faults.conftest import CONTRACTS, full_only
from tests.faults.rig import Rig
from tests.faults.traps import Trap
from tests.waiting import until

# SETTLE_AFTER 12 s, then at most one interval of 2 s and the work itself.
BOUND = 20.0


@full_only
@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_basket_left_by_a_crash_is_settled_soon_with_default_settings(
    contract: str, store: Mongod, kafka: KafkaBroker, inventory: SampleInventory, tmp_path: Path
) -> None:
    step = "inventory.overwrite" if contract == "absolute" else "inventory.deduct"
    with Rig(contract, store, kafka, inventory, tmp_path, settings={}) as rig:
        items = [rig.system.add_item(10) for _ in range(3)]
        trap = rig.traps.set(Trap(step, "after", signal.SIGKILL))
        with pytest.raises(OSError, match=r"Connection aborted|reset|disconnected"):
            rig.system.create(dict.fromkeys(items, 1))
        crashed = monotonic()
        assert trap.caught
        settled = "COMPLETED" if contract == "absolute" else "FAILED"
        until(lambda: rig.system.orders(items[0])[0]["status"] == settled, "settled", 60, 0.05)
        took = monotonic() - crashed
        table.NOTES.append(f"from crash to settled, default settings, {contract}: {took:.1f} s")
        assert took < BOUND
        left = 9 if contract == "absolute" else 10
        assert [rig.system.stock(item) for item in items] == [left] * 3
