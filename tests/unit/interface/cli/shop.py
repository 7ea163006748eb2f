"""The commands' tools over a book of orders in memory."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result

from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.history import Moved, ReadHistory
from order_service.application.orders.list import ListOrders, OrderPlace, OrderQuery
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.orders.restore import RestoreOrders, Told
from order_service.application.orders.show import ShowOrder
from order_service.application.place import Place
from order_service.application.stock.open_intents import LeasedIntents
from order_service.domain.order import Order
from order_service.interface.cli.orders import OrderTools, orders
from tests.unit.fakes import FakeClock, FakeLeases, FakeOrders


class FakePages:
    def __init__(self, book: FakeOrders) -> None:
        self._book = book

    def page(self, query: OrderQuery) -> list[Order]:
        found = sorted(self._book.by_id.values(), key=_place, reverse=True)
        return [order for order in found if _is_asked_for(order, query)][: query.limit]


def _place(order: Order) -> tuple[Any, str]:
    return order.created_at, order.id


def _is_asked_for(order: Order, query: OrderQuery) -> bool:
    after: OrderPlace | None = query.after
    return (
        query.item_id in (None, *order.item_ids)
        and query.reference in (None, order.reference)
        and query.status in (None, order.status)
        and query.customer_id in (None, order.customer_id)
        and (query.created_from is None or order.created_at >= query.created_from)
        and (after is None or _place(order) < (after.created_at, after.id))
    )


class FakeLog:
    """It has the changes of these items, each where its topic's offset is the stock left."""

    def __init__(self) -> None:
        self.items: set[str] = set()

    def places_of(self, moves: Sequence[Moved]) -> dict[Moved, Place]:
        return {
            (item, move): Place("stock-updates", 3, move.new_stock)
            for item, move in moves
            if item in self.items
        }


class FakeTopic:
    """What was told since any time."""

    def __init__(self) -> None:
        self.told = Told()

    def since(self, _: datetime) -> Told:
        return self.told


class Shop:
    def __init__(self) -> None:
        self.book = FakeOrders()
        self.topic = FakeTopic()
        self.log = FakeLog()

    def orders(self) -> OrderTools:
        book: Any = self.book
        clock = FakeClock()
        return OrderTools(
            list_orders=ListOrders(FakePages(book)),
            show=ShowOrder(ReadHistory(book, self.log), book),
            list_open=ListOpenOrders(book, clock, timedelta(seconds=12)),
            decide=DecideOrder(book, clock),
            restore=RestoreOrders(
                self.topic, book, LeasedIntents(FakeLeases(clock)), clock, timedelta(days=1)
            ),
        )

    def have(self, order: Order) -> Order:
        self.book.by_id[order.id] = order.saved()
        self.book.outbox[order.id] = list(order.new_events)
        self.book.history[order.id] = list(order.new_history)
        return self.book.by_id[order.id]

    def stored(self, order: Order) -> Order:
        return self.book.by_id[order.id]

    def run(self, *words: str, typed: str | None = None) -> Result:
        result = CliRunner().invoke(orders, words, obj=self, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0
        return json.loads(result.stdout)
