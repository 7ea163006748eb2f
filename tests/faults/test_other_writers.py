"""Somebody else restocks during orders.

Under the overwriting contract a read and a write without the lease can lose an order's deduction,
or be lost to one. No client can prevent that; what must hold is that the stock-change log names
every lost unit, and that each order is deducted once all the same.
"""

import signal
from dataclasses import dataclass
from threading import Event, Thread

import requests

from tests.faults import table
from tests.faults.buyers import Buyers
from tests.faults.conftest import Checked, absolute_only
from tests.faults.rig import Rig
from tests.faults.traps import SetTrap, Trap
from tests.items import Items
from tests.waiting import until

# Far more than one group of orders takes, so that each log entry shows both parts.
PALLET = 1000


@dataclass
class Restocker:
    """Adds pallets as fast as it can until it is told to stop."""

    rig: Rig
    item: str
    pallets: int = 0

    def work(self, most: int, enough: Event) -> None:
        with Items(self.rig.proxy.direct_url) as items:
            while self.pallets < most and not enough.wait(0.02):
                self._add(items)
                self.pallets += 1

    def _add(self, items: Items) -> None:
        if self.rig.contract == "absolute":
            items.set_stock(self.item, items.stock(self.item) + PALLET)
            return
        answer = requests.post(
            f"{self.rig.proxy.direct_url}/api/items/restore-stock/{self.item}",
            json={"quantity": PALLET, "operationId": f"pallet {self.pallets}"},
            timeout=10,
        )
        answer.raise_for_status()


def test_a_restock_during_orders_leaves_no_difference_that_the_log_does_not_name(
    rig: Rig, buyers: Buyers, checked: Checked, full: bool
) -> None:
    item, initial = rig.system.add_item(500), 500
    restocker, enough = Restocker(rig, item), Event()
    working = Thread(target=restocker.work, args=(200 if full else 50, enough))
    working.start()
    bought = [buyers.buy(item) for _ in range(400 if full else 100)]
    for each in bought:
        each.result()
    enough.set()
    working.join()
    changes = _whole_log(rig, item, initial)
    others = restocker.pallets * PALLET + _lost(changes, restocker.pallets)
    if rig.contract == "conditional":
        assert others == restocker.pallets * PALLET
    checked(
        "another writer restocks during orders", restocker.pallets, {item: initial}, {item: others}
    )


def _whole_log(rig: Rig, item: str, initial: int) -> list[int]:
    """The item's changes, once they add up to its stock."""

    def changes() -> list[int]:
        entries = rig.system.stock_changes(item)
        found = [entry["newStock"] - entry["previousStock"] for entry in entries]
        return found if initial + sum(found) == rig.system.stock(item) else []

    return until(changes, "the stock-change log has every change", 20, 0.2)


def _lost(changes: list[int], pallets: int) -> int:
    """Units that writers took from each other by overwriting; negative where pallets were lost."""
    restocks = [change for change in changes if change > 0]
    assert len(restocks) == pallets
    undone = [change - PALLET for change in restocks if change != PALLET]
    pallets_lost = [-change // PALLET for change in changes if change <= -PALLET]
    table.NOTES.append(
        f"another writer: {len(undone)} of its overwrites undid {sum(undone)} units that were "
        f"written since it read, and orders undid {sum(pallets_lost)} of its {pallets} pallets; "
        "the log names each"
    )
    return sum(undone) - PALLET * sum(pallets_lost)


def _killed_buying(rig: Rig, buyers: Buyers, item: str, step: str) -> SetTrap:
    """A purchase whose process is killed after that step, and which nobody else has settled yet."""
    trap = rig.traps.set(Trap(step, "after", signal.SIGKILL))
    buyers.buy(item)
    until(lambda: trap.caught, "the API was killed")
    return trap


@absolute_only
def test_evidence_that_another_writer_destroyed_leaves_the_order_stuck_and_reported(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    item = rig.system.add_item(100)
    _killed_buying(rig, buyers, item, "leases.acquire")
    rig.system.items.set_stock(item, 150)
    row = checked("restock over an open intent", 1, {item: 100}, {item: 50})
    assert row.stuck == 1
    [order] = rig.system.orders(item)
    assert "from 100 to 99 and is 150" in order["stuck"]["reason"]
    table.NOTES.append(f"stuck: {order['stuck']['reason']}")


@absolute_only
def test_the_log_settles_an_order_whose_stock_another_writer_changed(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    item = rig.system.add_item(100)
    _killed_buying(rig, buyers, item, "inventory.overwrite")
    until(lambda: rig.system.stock_changes(item), "the log has the deduction", 20)
    rig.system.items.set_stock(item, 149)
    row = checked("restock after an unheard deduction", 1, {item: 100}, {item: 50})
    assert row.stuck == 0
    rig.system.await_orders(item, {"COMPLETED": 1})
