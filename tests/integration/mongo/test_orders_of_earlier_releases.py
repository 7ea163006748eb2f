"""Orders that earlier releases stored are cancelled, settled, decided and replayed for ever.

On the stores of ``tests/fixtures``, by the use cases, with a real MongoDB and the sample inventory.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devstack.inventory import SampleInventory
from devstack.mongod import Mongod
from order_service.application.orders.cancel import CancelOrder, CancelOrderResult
from order_service.application.orders.change import Asked
from order_service.application.orders.create import CreateOrder, CreateOrderResult, HoldLimits
from order_service.application.orders.decide import DecideOrder, DecideOrderCommand
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.stock.leased import LeasedStock
from order_service.application.stock.operations import OperationStock
from order_service.application.stock_log.changes import StockChange
from order_service.bootstrap.adapters import Adapters, build_adapters, stock_mover
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import InsufficientStock, ItemNotFound, KeyInFlight, KeyReused
from order_service.domain.hindsight import whole_history
from order_service.domain.marks import IdempotencyKey
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.reconciliation.reconcile import Reconcile, TimeLimits
from tests.fixtures import restore
from tests.fixtures.store_of_0_2_0 import (
    BEANS,
    CUP,
    FILTERS,
    GONE,
    GRINDER,
    JUG,
    KETTLE,
    LEASES,
    ORDERS,
    Key,
    Move,
    Recorded,
    at,
)
from tests.integration.connections import connected, store_settings
from tests.integration.mongo.earlier_releases import (
    NAMES,
    command,
    event,
    fingerprint,
    look,
    recorded,
    refused,
)
from tests.items import Items
from tests.orders import CALLER
from tests.waiting import until

FOR_EVER = timedelta(days=365_000)
A_DAY = timedelta(hours=24)
NO_HOLDS = HoldLimits(seconds=0, for_each_customer=0)


@pytest.fixture(scope="module")
def kept(mongo: Mongod) -> Iterator[Database]:
    """A database whose indexes are made once."""
    with connected(mongo.uri) as database:
        yield database


@pytest.fixture
def database(kept: Database) -> Database:
    """The store of the earlier release, restored and migrated for each test."""
    for name in kept.list_collection_names():
        kept[name].delete_many({})
    restore(kept, "store_of_0_2_0")
    schema.migrate(kept)
    return kept


class Service:
    """One process of it."""

    def __init__(
        self, contract: str, adapters: Adapters, mover: LeasedStock | OperationStock
    ) -> None:
        self.contract = contract
        self.adapters = adapters
        self._orders, self._clock = adapters.orders, adapters.clock
        self._mover = mover
        self.decide = DecideOrder(self._orders, self._clock)

    def create(
        self, item: str, quantity: int, key: Key | None = None, lifetime: timedelta = FOR_EVER
    ) -> CreateOrderResult:
        """``key``: sent again, with the fingerprint that the body has today."""
        given = key and IdempotencyKey(key.caller, key.key, fingerprint(item, quantity))
        create = CreateOrder(self._orders, self._mover, self._clock, 9, lifetime, NO_HOLDS)
        return create(command(item, quantity, given))

    def cancel(self, name: str) -> CancelOrderResult:
        cancel = CancelOrder(self._orders, self._mover, self._clock, 9)
        return cancel(Asked(ORDERS[name].id, CALLER))

    def settle(self) -> None:
        """One pass. What can't be had within a second is left to the next."""
        overdue = Overdue(timedelta(seconds=12), move_budget=1)
        SettleOrders(self._orders, self._mover, self._clock, overdue)()

    def stored(self, name: str) -> Recorded:
        return recorded(self.order(name))

    def order(self, name: str) -> Order:
        order = self._orders.get(ORDERS[name].id)
        assert order is not None
        return order

    def settled(self, *names: str) -> list[Recorded]:
        """The orders, once each is settled, or is stuck."""

        def orders() -> list[Recorded]:
            self.settle()
            found = [self.stored(name) for name in names]
            return [] if any(each.waits and not each.stuck for each in found) else found

        return until(orders, f"{names} are settled", 30)


@pytest.fixture(params=["absolute", "conditional"])
def service(
    request: pytest.FixtureRequest,
    mongo: Mongod,
    database: Database,
    inventory: SampleInventory,
    shared: Shared,
) -> Service:
    """The sample inventory carries out an operation once, so under the conditional contract an
    order is moved by one test of these alone."""
    settings = store_settings(
        mongo.uri,
        mongo_database=database.name,
        inventory_service_url=inventory.url,
        inventory_contract=request.param,
        inventory_read_timeout=1,
        lease_seconds=5,
        breaker_failures=1000,
    )
    adapters = build_adapters(settings, database, shared)
    return Service(request.param, adapters, stock_mover(settings, adapters))


only_absolute = pytest.mark.parametrize("service", ["absolute"], indirect=True)


# --- cancelling


CANCELLABLE = [
    name for name, order in ORDERS.items() if order.phase == "COMPLETED" and order.item != FILTERS
]


@pytest.mark.parametrize("name", CANCELLABLE)
def test_a_completed_order_of_an_earlier_release_is_cancelled_and_gives_its_stock_back_once(
    name: str, service: Service, items: Items
) -> None:
    was = ORDERS[name]
    items.set_stock(was.item, 0)
    assert not service.cancel(name).deferred
    now = service.stored(name)
    assert now.status == now.phase == "CANCELLED"
    assert now.returned is not None
    assert now.returned[:2] == (0, was.quantity)
    # Whatever else was stored of the order is there still.
    assert now == replace(
        was,
        status="CANCELLED",
        phase="CANCELLED",
        version=was.version + 2,
        updated=now.updated,
        cancel_requested=now.cancel_requested,
        returned=now.returned,
    )
    assert service.cancel(name).order == service.order(name)
    assert items.stock(was.item) == was.quantity
    last = service.adapters.outbox.unpublished_of(was.id)[-1]
    assert last.sequence == 2
    told, item, quantity = event(last)
    assert (told.type, told.total) == ("ORDER_CANCELLED", was.total)
    assert (item, quantity) == (was.item, was.quantity)


@only_absolute
def test_what_becomes_of_an_order_of_an_earlier_release_joins_what_its_fields_tell_of_before(
    service: Service, items: Items
) -> None:
    items.set_stock(CUP, 0)
    service.cancel("completed")
    found = service.adapters.orders.with_history(ORDERS["completed"].id)
    assert found is not None
    assert [(str(each.event), each.recorded, each.version) for each in whole_history(*found)] == [
        ("ORDER_PLACED", False, 1),
        ("ORDER_CREATED", False, None),
        ("ORDER_CANCEL_REQUESTED", True, 3),
        ("ORDER_CANCELLED", True, 4),
    ]
    assert [each.by for each in found[1]] == [CALLER, CALLER]


@only_absolute
def test_an_order_that_an_earlier_release_cancelled_stays_as_it_is(
    service: Service, items: Items
) -> None:
    items.set_stock(CUP, 50)
    service.cancel("cancelled")
    assert service.stored("cancelled") == ORDERS["cancelled"]
    assert items.stock(CUP) == 50


# --- settling


STOCK = {KETTLE: 100, BEANS: 500, GRINDER: 10, FILTERS: 2000, JUG: 5}
SETTLED = {
    "absolute": {
        "pending": "FAILED",
        "pending with a key": "FAILED",
        "deferred": "FAILED",
        "cancelling": "CANCELLED",
        "behind an overwrite": "COMPLETED",
        "behind the same overwrite": "COMPLETED",
        "behind an abandonment": "FAILED",
        "behind an overwrite that gives back": "CANCELLED",
    },
    "conditional": {
        "pending": "FAILED",
        "pending with a key": "FAILED",
        "deferred": "COMPLETED",
        "given up": "FAILED",
        "cancelling": "CANCELLED",
        "behind an overwrite": "FAILED",
        "behind the same overwrite": "COMPLETED",
        "behind an abandonment": "FAILED",
        "behind an overwrite that gives back": "CANCELLED",
        "behind a lease that is held": "FAILED",
    },
}
LEFT = {
    "absolute": {KETTLE: 104, BEANS: 495, GRINDER: 10, FILTERS: 2000, JUG: 5},
    "conditional": {KETTLE: 102, BEANS: 497, GRINDER: 10, FILTERS: 2004, JUG: 5},
}


def test_the_orders_that_an_earlier_release_left_unfinished_are_settled(
    service: Service, items: Items
) -> None:
    for item, stock in STOCK.items():
        items.set_stock(item, stock)
    expected = SETTLED[service.contract]
    found = service.settled(*expected)
    assert {NAMES[order.id]: order.status for order in found} == expected
    assert {item: items.stock(item) for item in STOCK} == LEFT[service.contract]
    for order in found:
        was = ORDERS[NAMES[order.id]]
        assert (order.item, order.quantity) == (was.item, was.quantity)
        is_freed = order.status == "FAILED" and not was.deferred
        assert order.key == (None if is_freed else was.key)
        assert order.failure == ("abandoned" if order.status == "FAILED" else None)
    are_stuck = {name: order for name, order in ORDERS.items() if order.stuck}
    assert {name: service.stored(name) for name in are_stuck} == are_stuck


@only_absolute
def test_an_order_behind_a_lease_that_an_earlier_release_still_holds_is_left_alone(
    service: Service, items: Items
) -> None:
    items.set_stock(JUG, 5)
    service.settle()
    name = "behind a lease that is held"
    assert service.stored(name) == ORDERS[name]
    assert items.stock(JUG) == 5


@only_absolute
@pytest.mark.parametrize("stock", [500, 495], ids=["not applied", "applied"])
def test_an_overwrite_that_an_earlier_release_left_open_is_finished_by_the_stock_as_evidence(
    stock: int, service: Service, items: Items
) -> None:
    items.set_stock(BEANS, stock)
    one, other = service.settled("behind an overwrite", "behind the same overwrite")
    intent = LEASES[BEANS].intent
    assert intent is not None
    assert (one.status, other.status) == ("COMPLETED", "COMPLETED")
    assert (one.taken, other.taken) == (intent.move, intent.move)
    assert (one.total, other.total) == (2 * intent.unit_price, 3 * intent.unit_price)
    assert items.stock(BEANS) == 495
    leases = service.adapters.leases
    until(lambda: look(leases, BEANS).intent is None, "the lease is given back")


@only_absolute
def test_an_overwrite_that_an_earlier_release_left_open_is_never_guessed(
    service: Service, items: Items
) -> None:
    items.set_stock(BEANS, 123)
    for order in service.settled("behind an overwrite", "behind the same overwrite"):
        assert (order.status, order.phase) == ("PENDING", "TAKING_STUCK")
        assert order.stuck is not None
        assert order.stuck.intent == LEASES[BEANS].intent
        assert "from 500 to 495 and is 123" in order.stuck.reason
    assert items.stock(BEANS) == 123


@only_absolute
def test_the_next_order_of_an_item_finishes_what_an_earlier_release_left_open(
    service: Service, items: Items
) -> None:
    items.set_stock(BEANS, 500)
    assert service.create(BEANS, 1).order.status is OrderStatus.COMPLETED
    assert service.stored("behind an overwrite").status == "COMPLETED"
    assert service.stored("behind the same overwrite").status == "COMPLETED"
    assert items.stock(BEANS) == 494


@only_absolute
def test_an_overwrite_whose_orders_an_earlier_release_had_saved_is_not_made_again(
    service: Service, items: Items
) -> None:
    items.set_stock(KETTLE, 25)
    assert service.create(KETTLE, 1).order.status is OrderStatus.COMPLETED
    assert service.stored("key forgotten") == ORDERS["key forgotten"]
    assert items.stock(KETTLE) == 24


# --- stuck orders


@only_absolute
def test_orders_that_an_earlier_release_left_stuck_are_freed_by_a_late_entry_of_the_log(
    service: Service,
) -> None:
    change = StockChange(
        topic="stock-updates",
        partition=7,
        offset=0,
        item_id=GONE,
        previous_stock=10,
        new_stock=7,
        change_type="reduced",
        change_amount=3,
        updated_at=datetime.now(UTC),
        payload={},
    )
    service.adapters.changes.append([change])
    service.settle()
    one, other = service.stored("stuck"), service.stored("stuck with it")
    assert (one.status, one.stuck, str(one.total)) == ("COMPLETED", None, "19.99")
    assert (other.status, other.stuck, str(other.total)) == ("COMPLETED", None, "39.98")
    assert one.taken == other.taken
    assert one.taken == Move(10, 7, at(25, 1))


@only_absolute
@pytest.mark.parametrize(
    ("name", "outcome", "status"),
    [
        ("stuck", "COMPLETED", "COMPLETED"),
        ("stuck", "FAILED", "FAILED"),
        ("stuck in its cancellation", "COMPLETED", "CANCELLED"),
        ("stuck in its cancellation", "FAILED", "COMPLETED"),
        ("stuck in the overwrite of its cancellation", "COMPLETED", "CANCELLED"),
        ("stuck in the overwrite of its cancellation", "FAILED", "COMPLETED"),
    ],
)
def test_a_person_decides_an_order_that_an_earlier_release_left_stuck(
    name: str, outcome: str, status: str, service: Service
) -> None:
    was = ORDERS[name]
    word = DecideOrderCommand(was.id, OrderStatus(outcome), "Counted.", by="Ada")
    alike = [NAMES[each] for each in service.decide(word).alike]
    assert alike == (["stuck with it"] if name == "stuck" else [])
    now = service.stored(name)
    assert (now.status, now.phase, now.stuck) == (status, status, None)
    assert now.decision is not None
    assert now.decision.stuck == was.stuck
    assert (now.item, now.quantity, now.key) == (was.item, was.quantity, was.key)


# --- idempotency keys

REPLAYED = {
    "completed": "COMPLETED",
    "completed and published": "COMPLETED",
    "cancelled": "COMPLETED",
    "cancelling": "COMPLETED",
    "of many digits": "COMPLETED",
}
REPLAYED_AS_IT_IS = {
    "deferred": "PENDING",
    "behind the same overwrite": "PENDING",
    "stuck": "PENDING",
    "stuck in its cancellation": "COMPLETED",
    "decided completed": "COMPLETED",
    "decided failed": "FAILED",
    "standing by word": "COMPLETED",
    "deferred and abandoned": "FAILED",
}
REFUSED = ["refused", "of no item"]
IN_FLIGHT = [
    "pending with a key",
    "given up",
    "behind an abandonment",
    "behind a lease that is held",
]


def test_every_order_with_a_key_is_among_those_that_are_replayed() -> None:
    named = [*REPLAYED, *REPLAYED_AS_IT_IS, *REFUSED, *IN_FLIGHT]
    assert sorted(named) == sorted(name for name, order in ORDERS.items() if order.key)


@only_absolute
@pytest.mark.parametrize("name", [*REPLAYED, *REPLAYED_AS_IT_IS])
def test_a_key_of_an_earlier_release_is_answered_with_its_order(
    name: str, service: Service
) -> None:
    was = ORDERS[name]
    result = service.create(was.item, was.quantity, was.key)
    assert (result.replayed, result.deferred) == (True, name in REPLAYED_AS_IT_IS)
    now = recorded(result.order)
    assert now.status == (REPLAYED | REPLAYED_AS_IT_IS)[name]
    assert now.id == was.id
    assert (now.item, now.quantity, now.total) == (was.item, was.quantity, was.total)
    assert service.stored(name) == was


@only_absolute
def test_a_key_of_an_earlier_release_is_answered_with_its_orders_refusal(service: Service) -> None:
    short, missing = ORDERS["refused"], ORDERS["of no item"]
    with pytest.raises(InsufficientStock) as too_little:
        service.create(short.item, short.quantity, short.key)
    assert too_little.value.replayed
    assert refused(too_little.value) == (CUP, 200, 90)
    with pytest.raises(ItemNotFound) as unknown:
        service.create(missing.item, missing.quantity, missing.key)
    assert unknown.value.replayed


@only_absolute
@pytest.mark.parametrize("name", IN_FLIGHT)
def test_a_key_whose_order_an_earlier_release_has_not_finished_is_in_flight(
    name: str, service: Service
) -> None:
    was = ORDERS[name]
    with pytest.raises(KeyInFlight):
        service.create(was.item, was.quantity, was.key)
    assert service.stored(name) == was


@only_absolute
def test_a_key_of_an_earlier_release_serves_no_other_body(service: Service) -> None:
    was = ORDERS["completed"]
    for item, quantity in ((was.item, was.quantity + 1), (KETTLE, was.quantity)):
        with pytest.raises(KeyReused):
            service.create(item, quantity, was.key)


@only_absolute
def test_a_key_of_an_earlier_release_whose_lifetime_is_over_starts_afresh(
    service: Service, items: Items
) -> None:
    was = ORDERS["completed"]
    items.set_stock(CUP, 50)
    result = service.create(was.item, was.quantity, was.key, A_DAY)
    assert not result.replayed
    now = recorded(result.order)
    assert (now.status, now.key) == ("COMPLETED", was.key)
    assert now.id != was.id
    assert service.stored("completed") == replace(was, key=None, version=was.version + 1)
    assert items.stock(CUP) == 50 - was.quantity


# --- reconciling


@only_absolute
def test_orders_log_and_stock_of_an_earlier_release_agree_in_reconciliation(
    service: Service, items: Items
) -> None:
    items.set_stock(CUP, 120)
    adapters = service.adapters
    limits = TimeLimits(grace=timedelta(minutes=1))
    reconcile = Reconcile(adapters.books, adapters.absolute, adapters.clock, limits)
    [report] = reconcile(CUP, None, lambda: None)
    assert report.findings == []
    assert (report.took.times, report.took.units) == (7, 32)
    assert (report.gave_back.times, report.gave_back.units) == (3, 22)
    assert (report.others.times, report.others.units) == (1, 30)
