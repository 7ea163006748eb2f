"""A shop whose orders get stuck: a process of it dies, and somebody else writes the stock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from order_service.application.orders.create import CreateOrderCommand
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.bootstrap.adapters import build_adapters, stock_mover
from order_service.bootstrap.api import build_use_cases
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import StoreUnavailable
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.infrastructure.mongo.connection import Database
from order_service.interface.http.use_cases import ApiUseCases
from order_service.settings import Settings
from tests.items import Items


def impatient(inventory_url: str) -> dict[str, Any]:
    """Settings with which nobody waits long for a lease that a dead process left."""
    return {
        "inventory_service_url": inventory_url,
        "inventory_connect_timeout": 0.3,
        "inventory_read_timeout": 0.7,
        "lease_seconds": 2,
        "store_timeout": 3,
    }


class DiesBeforeStoring:
    """A repository that can't save: its process sends the overwrite and is never heard of again."""

    def __init__(self, orders: Any) -> None:
        self._orders = orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def save_all(self, orders: Sequence[Order]) -> list[Order]:
        raise StoreUnavailable("It died.")


class StuckShop:
    def __init__(
        self, settings: Settings, items: Items, database: Database, shared: Shared
    ) -> None:
        self.items = items
        self.database = database
        self._shared = shared
        self.settings = settings

    def use_cases(self, *, dying: bool = False) -> ApiUseCases:
        adapters = build_adapters(self.settings, self.database, self._shared)
        if dying:
            orders: Any = DiesBeforeStoring(adapters.orders)
            adapters = replace(adapters, orders=orders)
        return build_use_cases(self.settings, adapters)

    def stuck_order(self, item: str, *others: str) -> str:
        """Its overwrites went out, its process died, and somebody else wrote the item's stock
        since."""
        wanted = [Line(each, 3) for each in (item, *others)]
        left = self.use_cases(dying=True).create_order(CreateOrderCommand(wanted))
        assert left.deferred
        self.items.set_stock(item, 50)
        # Whoever is next waits for the lease, and then finds what was left behind.
        self.use_cases().create_order(CreateOrderCommand([Line(item, 1)]))
        return left.order.id

    def settle_overdue(self) -> int:
        """As the worker does, of orders of whatever age."""
        adapters = build_adapters(self.settings, self.database, self._shared)
        mover = stock_mover(self.settings, adapters)
        overdue = Overdue(settle_after=timedelta(0), move_budget=5)
        return SettleOrders(adapters.orders, mover, adapters.clock, overdue)()
