"""Somebody else restocks during orders.

Under the overwriting contract a read and a write without the lease can lose an order's deduction,
or be lost to one. No client can prevent that; what must hold is that the stock-change log names
every lost unit, and that each order is deducted once all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Thread

import requests
from bson import ObjectId

from tests.faults import table
from tests.faults.buyers import Buyers
from tests.faults.conftest import Checked, absolute_only
from tests.faults.rig import Rig
from tests.faults.steps import trap
from tests.faults.traps import Trap
from tests.items import Items
from tests.system import Asked
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
    initial = 500
    item, other = (rig.system.add_item(initial) for _ in range(2))
    restocker, enough = Restocker(rig, item), Event()
    working = Thread(target=restocker.work, args=(200 if full else 50, enough))
    working.start()
    orders: list[Asked] = [item, {item: 1, other: 1}, {other: 1, item: 1}, other]
    bought = [buyers.buy(asked) for asked in orders * (100 if full else 30)]
    for each in bought:
        each.result()
    enough.set()
    working.join()
    changes = _whole_log(rig, item, initial)
    others = restocker.pallets * PALLET + _lost(changes, restocker.pallets)
    if rig.contract == "conditional":
        assert others == restocker.pallets * PALLET
    items = {item: initial, other: initial}
    checked("another writer restocks during orders", restocker.pallets, items, {item: others})


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


def _killed_buying(rig: Rig, buyers: Buyers, basket: Mapping[str, int], trap: Trap) -> None:
    """A purchase whose process is killed there, and which nobody else has settled yet."""
    set_trap = rig.traps.set(trap)
    buyers.buy(basket)
    until(lambda: set_trap.caught, "the API was killed")


@absolute_only
def test_an_order_whose_evidence_another_writer_destroyed_is_stuck_until_a_person_settles_it(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    # One item's evidence is destroyed in each: of the item that is moved first, and of the item
    # whose lease decides.
    first, kept, also_kept, decides = (rig.system.add_item(100) for _ in range(4))
    items = dict.fromkeys((first, kept, also_kept, decides), 100)
    for basket in ({first: 1, kept: 1}, {also_kept: 1, decides: 1}):
        _killed_buying(rig, buyers, basket, trap("leases.acquire", "after"))
    rig.system.items.set_stock(first, 150)
    rig.system.items.set_stock(decides, 149)
    others = {first: 50, decides: 49}
    row = checked("restock over an open intent of a basket", 2, items, others)
    assert row.stuck == 2
    for doubtful, other, stock in ((first, kept, 150), (decides, also_kept, 149)):
        [order] = rig.system.orders(doubtful)
        stuck = order["stuck"]
        assert stuck["items"] == [ObjectId(doubtful)]
        assert f"item {doubtful} was to go from 100 to 99 and is {stock}" in stuck["reason"]
        assert rig.system.stock(other) == 99
        table.NOTES.append(f"stuck: {stuck['reason']}")
    told = rig.command("orders", "stuck")
    assert all(item in told.stdout for item in (first, decides)), told.stdout + told.stderr
    # Of the restocked item no unit was taken. The other item was counted: one unit is missing.
    _say(rig, first, "failed")
    _say(rig, decides, "completed")
    rig.system.await_orders(first, {"FAILED": 1})
    rig.system.await_orders(decides, {"COMPLETED": 1})
    others = {first: 50, decides: 50}
    row = checked("a person settles stuck baskets", 2, items, others)
    assert row.stuck == 0
    assert [rig.system.stock(item) for item in items] == [150, 100, 99, 149]


def _say(rig: Rig, item: str, outcome: str) -> None:
    [order] = rig.system.orders(item)
    order_id, reason = str(order["_id"]), "--reason=I counted."
    done = rig.command("orders", "settle", order_id, f"--as={outcome}", reason, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


@absolute_only
def test_the_log_settles_a_basket_of_which_another_writer_changed_a_stock(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    item, other = (rig.system.add_item(100) for _ in range(2))
    basket = {other: 1, item: 1}
    _killed_buying(rig, buyers, basket, trap("inventory.overwrite 2", "after"))
    until(lambda: rig.system.stock_changes(item), "the log has the deduction", 20)
    rig.system.items.set_stock(item, 149)
    row = checked("restock after an unheard deduction", 1, {item: 100, other: 100}, {item: 50})
    assert row.stuck == 0
    rig.system.await_orders(item, {"COMPLETED": 1})
