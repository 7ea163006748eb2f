"""The histories of orders in a real MongoDB: what they cost, and how they are kept."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import bson
import pytest
from bson import ObjectId

from devstack.inventory import SampleInventory
from devstack.mongod import Mongod
from order_service.application.correlation import UNCORRELATED
from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.change import Asked, Changing
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.create import CreateOrder, CreateOrderCommand, HoldLimits
from order_service.application.orders.expire import ExpireOrders
from order_service.application.orders.extend import ExtendHold
from order_service.bootstrap.adapters import Adapters, build_adapters, stock_mover
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import VersionConflict
from order_service.domain.hindsight import whole_history
from order_service.domain.history import Change, Entry
from order_service.domain.hold import Hold
from order_service.domain.line import Line
from order_service.domain.marks import IdempotencyKey
from order_service.domain.order import Order
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.order_saves import MOST_ENTRIES
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.settings import Settings
from tests.integration.cli.commands import Commands
from tests.integration.connections import opened, store_settings
from tests.items import Items
from tests.orders import CALLER, key, later, moved_at, pending
from tests.waiting import until

DURABLE = {"w": "majority", "j": True}
A_DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)


# --- what a change costs


@dataclass
class Service:
    """One process, whose commands to the store are counted."""

    settings: Settings
    adapters: Adapters
    commands: Commands

    def __post_init__(self) -> None:
        adapters = self.adapters
        orders, clock = adapters.orders, adapters.clock
        stock = stock_mover(self.settings, adapters)
        self._executor = ThreadPoolExecutor(4)
        limits = HoldLimits(86_400, 20)
        self._create = CreateOrder(orders, stock, clock, 9, A_DAY, limits)
        self.cancel = CancelOrder(orders, stock, clock, 9)
        self.confirm = ConfirmOrder(orders, clock)
        self.extend = ExtendHold(orders, clock, A_DAY)
        self.expire = ExpireOrders(orders, stock, adapters.inventory, clock, self._executor, 9)

    def create(self, item: str, hold: int | None = None) -> Order:
        given = IdempotencyKey("somebody", str(ObjectId()), "f")
        wanted = CreateOrderCommand(
            [Line(item, 1)], "somebody", hold_seconds=hold, idempotency=given
        )
        return self._create(wanted).order

    def over(self, order: Order) -> Order:
        """The order, once its hold is over."""
        until(lambda: self.adapters.clock.now() > (order.held_until or later(0)), "it is over")
        return order

    def writes(self, act: Callable[[], Any]) -> list[dict[str, Any]]:
        """Those of orders that ``act`` makes."""
        self.commands.sent.clear()
        act()
        names = ("insert", "update", "delete", "findAndModify", "bulkWrite")
        sent = [each for each in self.commands.sent if next(iter(each)) in names]
        return [each for each in sent if next(iter(each.values())) == "orders"]


@pytest.fixture(params=["absolute", "conditional"])
def service(
    request: pytest.FixtureRequest, mongo: Mongod, inventory: SampleInventory, shared: Shared
) -> Iterator[Service]:
    commands = Commands()
    settings = store_settings(
        mongo.uri, inventory_service_url=inventory.url, inventory_contract=request.param
    )
    with opened(settings, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        yield Service(settings, build_adapters(settings, database, shared), commands)


def asked(order: Order) -> Asked:
    return Asked(order.id, CALLER)


@pytest.mark.parametrize("hold", [None, 600])
def test_a_create_is_an_insert_and_an_update_with_the_order_its_event_and_its_history(
    hold: int | None, service: Service, items: Items
) -> None:
    item = items.add(stock=5)
    service.create(item, hold)
    insert, update = service.writes(lambda: service.create(item, hold))
    assert insert["writeConcern"] == update["writeConcern"] == DURABLE
    assert [each["event"] for each in insert["documents"][0]["history"]] == ["ORDER_PLACED"]
    [change] = update["updates"]
    told = "ORDER_CREATED" if hold is None else "ORDER_RESERVED"
    pushed = change["u"]["$push"]
    assert [each["event"] for each in pushed["history"]["$each"]] == [told]
    assert [each["type"] for each in pushed["outbox"]["$each"]] == [told]


def test_a_confirmation_is_one_update_of_the_order(service: Service, items: Items) -> None:
    order = service.create(items.add(stock=5), hold=600)
    [update] = service.writes(lambda: service.confirm(asked(order)))
    assert update["writeConcern"] == DURABLE
    [change] = update["updates"]
    assert [each["event"] for each in change["u"]["$push"]["history"]["$each"]] == ["ORDER_CREATED"]
    assert service.writes(lambda: service.confirm(asked(order))) == []


def test_an_extension_is_one_update_of_the_order(service: Service, items: Items) -> None:
    order = service.create(items.add(stock=5), hold=600)
    [update] = service.writes(lambda: service.extend(asked(order), timedelta(seconds=900)))
    assert update["writeConcern"] == DURABLE
    [change] = update["updates"]
    pushed = change["u"]["$push"]
    assert [each["event"] for each in pushed["history"]["$each"]] == ["ORDER_EXTENDED"]
    assert "outbox" not in pushed


def test_the_expiry_of_a_hold_is_as_many_writes_as_a_cancellation(
    service: Service, items: Items
) -> None:
    item = items.add(stock=5)
    sold, kept = service.create(item), service.create(item, hold=600)
    abandoned = service.over(service.create(item, hold=1))
    of_sale = service.writes(lambda: service.cancel(asked(sold)))
    of_hold = service.writes(lambda: service.cancel(asked(kept)))
    of_expiry = service.writes(service.expire)
    assert [len(each["updates"]) for each in of_sale] == [1, 1]
    assert [len(each["updates"]) for each in of_hold] == [1, 1]
    assert [len(each["updates"]) for each in of_expiry] == [1, 1]
    statuses = [each and str(each.status) for each in _now(service, sold, kept, abandoned)]
    assert statuses == ["CANCELLED", "CANCELLED", "EXPIRED"]
    assert items.stock(item) == 5


def _now(service: Service, *orders: Order) -> list[Order]:
    return service.adapters.orders.get_many([order.id for order in orders])


def test_the_expiries_of_a_batch_are_recorded_in_one_round_trip(
    service: Service, items: Items
) -> None:
    item = items.add(stock=20)
    orders = [service.create(item, hold=1) for _ in range(10)]
    service.over(orders[-1])
    recorded, *others = service.writes(service.expire)
    assert len(recorded["updates"]) == 10
    assert sum(len(each["updates"]) for each in others) == 10
    assert items.stock(item) == 20


# --- how it is kept


def add(repository: MongoOrderRepository, order: Order) -> Order:
    """The pending order, once it is held."""
    return repository.save(moved_at(repository.add(order), later(2)))


def history_of(repository: MongoOrderRepository, order: Order) -> list[Entry]:
    found = repository.with_history(order.id)
    assert found is not None
    return list(found[1])


def size_of(database: Database, order: Order) -> int:
    document = database["orders"].find_one(ObjectId(order.id))
    assert document is not None
    return len(bson.encode(document))


def extended(repository: MongoOrderRepository, order: Order, times: int, since: int = 0) -> Order:
    for number in range(since, since + times):
        order = repository.save(order.extend(later(9000), later(3 + number), CALLER))
    return order


def test_a_thousand_extensions_do_not_grow_a_document(database: Database) -> None:
    repository = MongoOrderRepository(database)
    order = extended(repository, add(repository, to_be_held()), MOST_ENTRIES)
    full = size_of(database, order)
    order = extended(repository, order, 1000 - MOST_ENTRIES, since=MOST_ENTRIES)
    assert size_of(database, order) == full
    kept = history_of(repository, order)
    assert [each.version for each in kept] == list(
        range(order.version - MOST_ENTRIES + 1, order.version + 1)
    )


def to_be_held() -> Order:
    return pending(hold=Hold(5000), customer_id="somebody", idempotency=key())


def test_of_a_history_that_is_cut_off_the_fields_tell_how_the_order_came_to_be_held(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    order = extended(repository, add(repository, to_be_held()), MOST_ENTRIES + 5)
    sold = repository.save(order.confirm(later(1000), CALLER))
    found = repository.with_history(sold.id)
    assert found is not None
    placed, reserved, *rest = whole_history(*found)
    assert [(str(each.event), each.at, each.recorded) for each in (placed, reserved)] == [
        ("ORDER_PLACED", later(0), False),
        ("ORDER_RESERVED", later(2), False),
    ]
    assert [str(each.event) for each in rest] == ["ORDER_EXTENDED"] * 199 + ["ORDER_CREATED"]
    assert all(each.recorded for each in rest)


def test_changes_at_once_leave_an_entry_each_in_the_sequence_of_the_orders_versions(
    database: Database,
) -> None:
    processes = [MongoOrderRepository(database) for _ in range(2)]
    changing = [Changing(each, UNCORRELATED) for each in processes]
    order = add(processes[0], to_be_held())

    def extend(number: int) -> bool:
        def by_a_second(stored: Order) -> Order:
            return stored.extend(later(5000 + number), stored.updated_at + A_SECOND, CALLER)

        try:
            changing[number % 2](asked(order), by_a_second)
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = sum(threads.map(extend, range(200)))
    found = processes[0].with_history(order.id)
    assert found is not None
    stored, history = found
    assert won > 0
    assert [each.event for each in history[2:]] == [Change.ORDER_EXTENDED] * won
    assert [each.version for each in history] == list(range(1, stored.version + 1))
    assert [each.at for each in history[2:]] == [later(2) + n * A_SECOND for n in range(1, won + 1)]
    assert history[-1].expires_at == stored.held_until
