"""The service on its real parts, whose stock changes a consumer writes into the log."""

import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

from order_service.application.orders.change import Asked
from order_service.application.orders.create import CreateOrderCommand
from order_service.application.orders.expire import ExpireOrders
from order_service.application.orders.list import OrderQuery
from order_service.bootstrap.adapters import Adapters, build_adapters, stock_mover
from order_service.bootstrap.api import build_use_cases
from order_service.bootstrap.shared import Shared
from order_service.domain.history import SETTLEMENT, Actor
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.http.use_cases import ApiUseCases
from tests.commands import order_service
from tests.integration.stock.stock_stage import Stage
from tests.items import Items
from tests.orders import CALLER
from tests.system import clean_environment
from tests.waiting import until


class Shop:
    """The service as its processes are composed, and its inventory's owner beside it."""

    def __init__(self, stage: Stage, items: Items, shared: Shared) -> None:
        self.settings = stage.settings
        self.environment = stage.environment
        self.database = stage.database
        self.items = items
        self.adapters = build_adapters(self.settings, self.database, shared)
        self.use_cases = build_use_cases(self.settings, self.adapters)

    def order(self, item: str, quantity: int, use_cases: ApiUseCases | None = None) -> Order:
        return self.basket({item: quantity}, use_cases)

    def basket(self, units: dict[str, int], use_cases: ApiUseCases | None = None) -> Order:
        create = (use_cases or self.use_cases).create_order
        order = create(CreateOrderCommand(_lines(units))).order
        assert order.status is OrderStatus.COMPLETED
        return order

    def held(self, units: dict[str, int], seconds: int = 3600, by: str | None = None) -> Order:
        command = CreateOrderCommand(_lines(units), customer_id=by, hold_seconds=seconds)
        order = self.use_cases.create_order(command).order
        assert order.status is OrderStatus.RESERVED
        return order

    def confirm(self, order: Order, by: str = "somebody") -> Order:
        return self.use_cases.confirm_order(Asked(order.id, Actor.caller(by)))

    def pass_over(self, order: Order) -> None:
        """Let the hold have been over two hours ago."""
        now = self.adapters.clock.now()
        self.adapters.orders.save(order.extend(now - timedelta(hours=2), now, CALLER))

    def kept(self) -> dict[str, int]:
        """The units of each item that orders have: those that are sold, and those that are held."""
        units = Counter[str]()
        for status in (OrderStatus.COMPLETED, OrderStatus.RESERVED):
            for order in self.adapters.pages.page(OrderQuery(status=status, limit=100)):
                units.update({line.item_id: line.quantity for line in order.lines})
        return dict(units)

    def expire(self, number: int = 1) -> None:
        """As the worker does, until so many holds that are over are expired."""
        adapters, settings = self.adapters, self.settings
        with ThreadPoolExecutor(4) as executor:
            expire = ExpireOrders(
                *(adapters.orders, stock_mover(settings, adapters), adapters.inventory),
                *(adapters.clock, executor, settings.request_deadline),
            )
            done = 0

            def are_expired() -> bool:
                nonlocal done
                done += expire()
                return done >= number

            until(are_expired, f"{number} expiries")

    def recover(self, order: Order) -> None:
        """As the worker's settlement does."""
        mover = stock_mover(self.settings, self.adapters, SETTLEMENT)
        assert mover.recover(order, self.adapters.clock.monotonic() + 5).phase.is_settled

    def placed(self, units: dict[str, int]) -> Order:
        """An order that nobody carries out."""
        orders, now = self.adapters.orders, self.adapters.clock.now()
        return orders.add(Order.place(id=orders.next_id(), lines=_lines(units), at=now))

    def add_items(self, number: int, stock: int = 20) -> list[str]:
        return [self.items.add(stock=stock) for _ in range(number)]

    def cancel(self, order: Order) -> None:
        done = self.use_cases.cancel_order(Asked(order.id, CALLER)).order
        assert done.status is OrderStatus.CANCELLED

    def disturbed(self, before_overwrite: Callable[[str], None]) -> ApiUseCases:
        """Use cases whose overwrites somebody gets ahead of, who is told the item."""
        absolute = OvertakenInventory(self.adapters.absolute, before_overwrite)
        disturbed: Adapters = replace(self.adapters, absolute=absolute)
        return build_use_cases(self.settings, disturbed)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As it is installed."""
        return order_service(*words, environment=clean_environment(self.environment))

    def logged(self, item: str, number: int) -> list[dict[str, Any]]:
        """The item's entries, once there are so many."""
        log = self.database["stock_changes"]

        def found() -> list[dict[str, Any]]:
            entries = list(log.find({"itemId": item}, sort=[("updatedAt", 1)]))
            return entries if len(entries) >= number else []

        return until(found, f"{number} entries of the log", 20)


def _lines(units: dict[str, int]) -> list[Line]:
    return [Line(item, quantity) for item, quantity in units.items()]


class OvertakenInventory:
    def __init__(self, inventory: Any, before_overwrite: Callable[[str], None]) -> None:
        self._inventory = inventory
        self._before_overwrite = before_overwrite

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inventory, name)

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        self._before_overwrite(item_id)
        self._inventory.overwrite(item_id, stock, not_after)
