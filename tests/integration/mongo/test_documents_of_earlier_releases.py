"""What earlier releases stored is read, listed, migrated, published and reconciled for ever.

The stores are those of ``tests/fixtures``: documents as a release wrote them, never written again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.application.orders.history import ReadHistory
from order_service.application.orders.list import ListOrders, OrderQuery
from order_service.application.orders.publish import PublishEvents
from order_service.application.place import Place
from order_service.application.stock_log.changes import (
    StockChangeQuery,
)
from order_service.domain.events import OrderEvent
from order_service.domain.hindsight import whole_history
from order_service.domain.history import Actor, ActorKind
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.books import MongoBooks
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.index_building import Report
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.logged_moves import MongoLoggedMoves
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from order_service.infrastructure.mongo.relay_lock import MongoRelayLock
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.interface.http.answers import ShownOrder
from tests.fixtures import restore
from tests.fixtures.store_of_0_2_0 import (
    BEANS,
    CUP,
    FILTERS,
    GONE,
    KETTLE,
    LEASES,
    LOG,
    ORDERS,
    UNPUBLISHED,
    Entry,
    Move,
    Recorded,
    at,
)
from tests.integration.connections import connected
from tests.integration.mongo.earlier_releases import NAMES, event, look, recorded, unit_price

STORE = "store_of_0_2_0"


@pytest.fixture(scope="module", params=["as it was left", "migrated"])
def store(request: pytest.FixtureRequest, mongo: Mongod) -> Iterator[Database]:
    """To read."""
    with connected(mongo.uri) as database:
        restore(database, STORE)
        if request.param == "migrated":
            schema.migrate(database)
        yield database


# --- reading


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_of_an_earlier_release_is_read_as_it_was_stored(
    name: str, store: Database
) -> None:
    orders = MongoOrderRepository(store)
    found = orders.get(ORDERS[name].id)
    assert found is not None
    assert recorded(found) == ORDERS[name]
    assert orders.get_many([found.id]) == [found]


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("completed", "12.95"),
        ("cancelled", "12.95"),
        ("for free", "0"),
        ("of many digits", "0.333333333333"),
        ("of trailing zeros", "12.95"),
        ("the dearest", "999999999999.999999"),
        ("decided failed", None),
        ("pending", None),
    ],
)
def test_the_price_of_a_unit_is_known_of_an_order_whose_earlier_release_stored_the_total_alone(
    name: str, price: str | None, store: Database
) -> None:
    order = MongoOrderRepository(store).get(ORDERS[name].id)
    assert order is not None
    assert unit_price(order) == (price and Decimal(price))


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_of_an_earlier_release_is_shown_to_clients_as_before(
    name: str, store: Database
) -> None:
    order = MongoOrderRepository(store).get(ORDERS[name].id)
    assert order is not None
    was = ORDERS[name]
    shown = ShownOrder.of(order).model_dump(mode="json")
    total = None if was.total is None else float(was.total)
    expected = {"_id": was.id, "itemId": was.item, "quantity": was.quantity, "totalPrice": total}
    assert {field: shown[field] for field in expected} == expected
    assert shown["status"] == was.status


EVERY_FILTER = list(
    product([None, "alice", "bob"], [None, CUP, KETTLE, GONE], [None, *OrderStatus])
)


@pytest.mark.parametrize(("customer", "item", "status"), EVERY_FILTER)
def test_orders_of_an_earlier_release_are_listed_by_item_status_and_customer(
    customer: str | None, item: str | None, status: OrderStatus | None, store: Database
) -> None:
    query = OrderQuery(customer_id=customer, item_id=item, status=status, limit=100)
    expected = [
        name
        for name, order in sorted(ORDERS.items(), key=lambda each: each[1].id, reverse=True)
        if customer in (None, order.customer)
        and item in (None, order.item)
        and status in (None, order.status)
    ]
    listed = ListOrders(MongoOrderPages(store))(query).orders
    assert [NAMES[order.id] for order in listed] == expected
    assert [recorded(order) for order in listed] == [ORDERS[name] for name in expected]


def test_a_list_of_orders_of_an_earlier_release_is_read_page_by_page(store: Database) -> None:
    list_orders, query = ListOrders(MongoOrderPages(store)), OrderQuery(item_id=CUP, limit=3)
    found: list[str] = []
    while True:
        page = list_orders(query)
        found += [NAMES[order.id] for order in page.orders]
        if page.next is None:
            break
        query = replace(query, after=page.next)
    assert found == [name for name, order in reversed(ORDERS.items()) if order.item == CUP]


def test_orders_of_an_earlier_release_that_wait_are_found_oldest_first(store: Database) -> None:
    orders = MongoOrderRepository(store)
    waiting = [name for name, order in ORDERS.items() if order.waits]
    assert [NAMES[order.id] for order in orders.unsettled(at(60), 100)] == waiting
    are_stuck = [name for name, order in ORDERS.items() if order.stuck]
    assert [NAMES[order.id] for order in orders.stuck(100)] == are_stuck


@pytest.mark.parametrize("item", LEASES)
def test_a_lease_of_an_earlier_release_is_seen_with_its_intent(item: str, store: Database) -> None:
    assert look(MongoLeaseStore(store, "reader", 5), item) == LEASES[item]


def test_unpublished_events_of_an_earlier_release_are_read_from_the_outbox(store: Database) -> None:
    outbox = MongoOutbox(store)
    expected = [(told, ORDERS[told.of].item, ORDERS[told.of].quantity) for told in UNPUBLISHED]
    events = [each for of_order in outbox.unpublished(100) for each in of_order]
    assert [event(each) for each in events] == expected
    assert [each.event_id for each in events] == [
        f"{ORDERS[told.of].id}-{told.type}" for told in UNPUBLISHED
    ]
    for name, order in ORDERS.items():
        found = [event(each)[0] for each in outbox.unpublished_of(order.id)]
        assert found == [told for told in UNPUBLISHED if told.of == name]


def test_an_unpublished_event_of_an_earlier_release_has_its_place_in_the_orders_sequence(
    store: Database,
) -> None:
    events = [each for of_order in MongoOutbox(store).unpublished(100) for each in of_order]
    of_type = {"ORDER_CREATED": 1, "ORDER_FAILED": 1, "ORDER_CANCELLED": 2}
    assert [each.sequence for each in events] == [of_type[told.type] for told in UNPUBLISHED]
    [created, cancelled] = MongoOutbox(store).unpublished_of(ORDERS["cancelled"].id)
    assert (created.sequence, cancelled.sequence) == (1, 2)


# --- histories


def told_by(order: Recorded) -> list[tuple[str, datetime]]:
    """What is known of when the order changed."""
    outcome = "ORDER_FAILED" if order.status == "FAILED" else "ORDER_CREATED"
    word = order.decision
    doubts = [order.stuck, word and word.stuck]
    # Nothing tells any more when that was asked for.
    is_dropped = word and word.outcome == "FAILED" and order.status == "COMPLETED"
    changes = [
        ("ORDER_PLACED", order.created),
        ("ORDER_GIVEN_UP", order.given_up),
        *(("ORDER_STUCK", doubt.since) for doubt in doubts if doubt),
        ("ORDER_DECIDED", word and word.at),
        (outcome, order.settled),
        ("ORDER_CANCEL_REQUESTED", order.cancel_requested),
        ("ORDER_CANCEL_DROPPED", word.at if word and is_dropped else None),
        ("ORDER_CANCELLED", order.updated if order.status == "CANCELLED" else None),
    ]
    return sorted(((name, at) for name, at in changes if at), key=lambda each: each[1])


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_of_an_earlier_release_has_the_history_that_its_fields_tell(
    name: str, store: Database
) -> None:
    was, repository = ORDERS[name], MongoOrderRepository(store)
    found = repository.with_history(was.id)
    assert found is not None
    order, kept = found
    assert (order, kept) == (repository.get(was.id), [])
    history = whole_history(order, kept)
    assert [(str(entry.event), entry.at) for entry in history] == told_by(was)
    assert not any(entry.recorded for entry in history)
    placed, last = history[0], history[-1]
    assert placed.by == Actor.caller(was.customer)
    assert (placed.version, placed.status, last.status) == (1, "PENDING", was.status)
    assert {entry.by for entry in history[1:]} <= {None, Actor(ActorKind.OPERATOR)}


def test_the_history_of_an_order_of_an_earlier_release_names_what_the_log_has(
    store: Database,
) -> None:
    read = ReadHistory(MongoOrderRepository(store), MongoLoggedMoves(store))
    for name, takes, returns in (
        ("cancelled", Place("stock-updates", 0, 2), Place("stock-updates", 0, 3)),
        ("of a shared overwrite", Place("stock_updates", 3, 0), None),
        ("of the same overwrite", Place("stock_updates", 3, 0), None),
        ("for free", None, None),
    ):
        history = read(ORDERS[name].id)
        places = {
            str(each.entry.event): move.place for each in history.entries for move in each.moves
        }
        assert places["ORDER_CREATED"] == takes, name
        assert places.get("ORDER_CANCELLED") == returns, name


# --- the stock-change log, and reconciliation


@pytest.mark.parametrize("item", [None, CUP, KETTLE, FILTERS, BEANS])
def test_the_log_of_an_earlier_release_is_read_newest_first(
    item: str | None, store: Database
) -> None:
    page, more = MongoStockChangeLog(store).page(StockChangeQuery(item_id=item, limit=100))
    changes = [entry.change for entry in page]
    found = [
        Entry(
            each.item_id,
            each.previous_stock,
            each.new_stock,
            each.updated_at,
            each.place,
            each.contradictory,
        )
        for each in changes
    ]
    assert found == [entry for entry in reversed(LOG) if item in (None, entry.item)]
    assert not more
    assert all(each.payload["itemId"] == each.item_id for each in changes)


def test_the_payload_of_an_entry_of_an_earlier_release_comes_back_as_it_was(
    store: Database,
) -> None:
    place = Place("stock-updates", 0, 8)
    payload = MongoStockChangeLog(store).holds([place])[place]
    assert payload["by"] == "Zoë"
    assert payload["note"] is None
    assert payload["deep"] == {"list": [1, 2.5, -(2**40), "", []], "a.b": {"$c": 0}}


def test_the_log_of_an_earlier_release_is_evidence_of_a_change(store: Database) -> None:
    log = MongoStockChangeLog(store)
    assert log.has_change(FILTERS, 996, 1000, at(35, 10.01))
    assert not log.has_change(FILTERS, 996, 1000, at(35, 10.03))
    assert not log.has_change(BEANS, 500, 495, at(33, 1))


def moves_of(item: str) -> list[tuple[Any, ...]]:
    """The moves of the item's orders, oldest first: stocks, time, the orders' shares, and whether
    they rest on a person's word."""
    shares: dict[Move, list[tuple[str, int]]] = {}
    by_word: set[Move] = set()
    for order in ORDERS.values():
        moves = [(order.taken, -1, order.settled), (order.returned, 1, order.updated)]
        for moved, sign, stored in moves:
            if order.item == item and moved:
                shares.setdefault(moved, []).append((order.id, sign * order.quantity))
                if order.decision and order.decision.at == stored:
                    by_word.add(moved)
    oldest_first = sorted(shares, key=lambda each: each.at)
    return [(each, shares[each], each in by_word) for each in oldest_first]


@pytest.mark.parametrize("item", [CUP, KETTLE, FILTERS, BEANS, GONE])
def test_the_moves_of_orders_of_an_earlier_release_are_read_by_reconciliation(
    item: str, store: Database
) -> None:
    books = MongoBooks(store)
    found = [
        (
            Move(each.previous_stock, each.new_stock, each.begun_at),
            [(share.order_id, share.change) for share in each.shares],
            each.by_word,
        )
        for each in books.moves(item, None)
    ]
    assert found == moves_of(item)
    of_item = [order for order in ORDERS.values() if order.item == item]
    counts = books.open_orders(item)
    assert counts.stuck == sum(order.stuck is not None for order in of_item)
    assert counts.waiting == sum(order.waits for order in of_item) - counts.stuck


def test_orders_of_an_earlier_release_without_a_recorded_move_are_named_by_reconciliation(
    store: Database,
) -> None:
    books = MongoBooks(store)
    assert [*books.items()] == sorted({order.item for order in ORDERS.values()})
    unproven = {
        (NAMES[each.share.order_id], each.share.change, each.by_word)
        for each in books.unproven(KETTLE, None)
    }
    assert unproven == {("without a recorded move", -1, False), ("cancelled by word", 1, True)}


# --- migration


def test_a_store_of_an_earlier_release_is_migrated_with_its_documents_and_again(
    mongo: Mongod,
) -> None:
    with connected(mongo.uri) as database:
        restore(database, STORE)
        said: list[list[str]] = []
        for _ in range(2):
            said.append([])
            schema.migrate(database, report=Report(said[-1].append, said[-1].append))
            schema.require_migrated(database)
            orders = MongoOrderRepository(database).get_many(list(NAMES))
            assert [recorded(order) for order in orders] == list(ORDERS.values())
        first, second = said
        assert "Index orders.one_order_for_each_key: there." in first
        assert all(line.endswith(": there.") for line in second if line.startswith("Index "))


# --- publishing


@dataclass
class Published:
    """A broker that confirms every event."""

    events: list[OrderEvent]

    def publish(self, events: Sequence[OrderEvent]) -> list[OrderEvent]:
        self.events += events
        return list(events)


def test_the_events_that_an_earlier_release_left_are_published_under_its_relays_lock(
    mongo: Mongod,
) -> None:
    with connected(mongo.uri) as database:
        restore(database, STORE)
        schema.migrate(database)
        published = Published([])
        lock, outbox = MongoRelayLock(database, "relay", 30), MongoOutbox(database)
        publish_events = PublishEvents(outbox, published, lock)
        assert publish_events() == len(UNPUBLISHED)
        assert [event(each)[0] for each in published.events] == UNPUBLISHED
        assert publish_events() == 0
        orders = MongoOrderRepository(database).get_many(list(NAMES))
        assert [recorded(order) for order in orders] == list(ORDERS.values())
