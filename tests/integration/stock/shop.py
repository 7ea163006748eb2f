"""Processes that move stock, over both contracts, on a real MongoDB and the real sample inventory.

A ``Process`` is what one API process or worker is made of; several share the store.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.read_concern import ReadConcern

from order_service.application.orders.expire import AT_ONCE, ExpireOrders
from order_service.application.orders.ports import OrderRepository, StockMover
from order_service.application.stock.leased import LeasedStock
from order_service.application.stock_log.changes import StockChange
from order_service.bootstrap.adapters import Adapters, build_adapters, stock_mover
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import InventoryUnavailable, OutcomeUnknown, StoreUnavailable
from order_service.domain.history import Actor, Change
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo.connection import Database
from order_service.settings import Settings
from tests.items import Items
from tests.misbehaving import MisbehavingInventory
from tests.orders import CALLER

NOBODY = "0" * 24
PATIENCE = 5.0
CHANGES = {"absolute": "PATCH", "conditional": "POST"}


@dataclass
class Process:
    settings: Settings
    adapters: Adapters
    by: Actor | None = None

    def __post_init__(self) -> None:
        self.mover = stock_mover(self.settings, self.adapters, self.by)

    def place(self, item: str, quantity: int = 1) -> Order:
        return self.place_basket((item, quantity))

    def place_basket(self, *wanted: tuple[str, int], hold: Hold | None = None) -> Order:
        orders = self.adapters.orders
        now = self.adapters.clock.now()
        lines = [Line(item, quantity) for item, quantity in wanted]
        return orders.add(Order.place(id=orders.next_id(), lines=lines, at=now, hold=hold))

    def move(self, order: Order, seconds: float = PATIENCE) -> Order:
        return self.mover.move(order, time.monotonic() + seconds)

    def recover(self, order: Order, seconds: float = PATIENCE) -> Order:
        """From the order as it is stored, as settlement does it."""
        return self.mover.recover(self.stored(order), time.monotonic() + seconds)

    def expire(self, mover: StockMover | None = None) -> int:
        """``mover``: who gives the stock back; without it, this process."""
        adapters = self.adapters
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return ExpireOrders(
                adapters.orders,
                mover or self.mover,
                adapters.inventory,
                adapters.clock,
                threads,
                PATIENCE,
            )()

    def history(self, order: Order) -> list[tuple[Change, Actor | None]]:
        found = self.adapters.orders.with_history(order.id)
        assert found is not None
        return [(entry.event, entry.by) for entry in found[1]]

    def stored(self, order: Order) -> Order:
        found = self.adapters.orders.get(order.id)
        assert found is not None
        return found

    def end(self) -> None:
        """Returns once nothing of what it began is under way any more."""
        if isinstance(self.mover, LeasedStock):
            self.mover._group._executor.shutdown()  # type: ignore[attr-defined]
        else:
            self.mover._moves.shutdown()


@dataclass
class Shop:
    """What the processes share, and the means to start some."""

    settings: Settings
    items: Items
    proxy: MisbehavingInventory
    stack: ExitStack
    database: Database
    shared: Shared

    @property
    def absolute(self) -> bool:
        return self.settings.inventory_contract == "absolute"

    @property
    def changes(self) -> str:
        """The HTTP method of a change of stock."""
        return CHANGES[self.settings.inventory_contract]

    def process(
        self,
        wrap: Callable[[Adapters], Adapters] = lambda adapters: adapters,
        by: Actor | None = None,
    ) -> Process:
        adapters = wrap(build_adapters(self.settings, self.database, self.shared))
        process = Process(self.settings, adapters, by)
        self.stack.callback(process.end)
        return process

    def elsewhere(self) -> Process:
        """A process on another machine: no turns are shared with it."""
        return replace(self, shared=Shared()).process()

    def end_lease(self, *items: str) -> None:
        """As if its time were over; without ``items`` that of every item."""
        past = datetime(2000, 1, 1, tzinfo=UTC)
        wanted = {"_id": {"$in": items}} if items else {"expiresAt": {"$exists": True}}
        self.database["leases"].update_many(wanted, {"$set": {"expiresAt": past, "endsAt": past}})

    def open_leases(self) -> list[str]:
        """The ids of the items whose leases are held, or hold something open."""
        fields = ("owner", "intent", "primary")
        # A release waits for no majority.
        leases = self.database["leases"].with_options(read_concern=ReadConcern("local"))
        kept = {"$or": [{field: {"$exists": True}} for field in fields]}
        return [lease["_id"] for lease in leases.find(kept)]

    def sent_changes(self) -> list[str]:
        return [request for request in self.proxy.requests if request.startswith(self.changes)]


only_absolute = pytest.mark.parametrize("shop", ["absolute"], indirect=True)
only_conditional = pytest.mark.parametrize("shop", ["conditional"], indirect=True)


def completed(process: Process, item: str, quantity: int = 1) -> Order:
    done = process.move(process.place(item, quantity))
    assert done.status is OrderStatus.COMPLETED
    return done


def cancelling(process: Process, order: Order) -> Order:
    now = process.adapters.clock.now()
    return process.adapters.orders.save(order.request_cancel(now, CALLER))


def move_all(
    processes: Sequence[Process], orders: Sequence[Order], seconds: float = 15
) -> list[Order]:
    with ThreadPoolExecutor(len(orders)) as threads:
        moving = [
            threads.submit(processes[n % len(processes)].move, order, seconds)
            for n, order in enumerate(orders)
        ]
        return [each.result() for each in moving]


def settled(process: Process, order: Order) -> Order | None:
    try:
        recovered = process.recover(order)
    except (InventoryUnavailable, OutcomeUnknown):
        return None
    return recovered if recovered.phase.is_settled else None


class DiesBeforeStoring:
    """A repository that can't save: what its process decides is never heard of."""

    def __init__(self, orders: OrderRepository) -> None:
        self._orders = orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        raise StoreUnavailable("It died.")


def dying(adapters: Adapters) -> Adapters:
    return replace(adapters, orders=DiesBeforeStoring(adapters.orders))  # type: ignore[arg-type]


def our_change(item: str, previous: int, new: int) -> StockChange:
    return StockChange(
        topic="stock_updates",
        partition=0,
        offset=0,
        item_id=item,
        previous_stock=previous,
        new_stock=new,
        change_type="reduced",
        change_amount=previous - new,
        updated_at=datetime.now(UTC),
        payload={},
    )
