"""The list of orders on a real MongoDB: what it shows, and what a page of it costs."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

import pytest

from devstack.mongod import Mongod
from order_service.application.orders.list import ListOrders, OrderQuery
from order_service.domain.line import Line
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.order_indexes import list_index_name
from order_service.infrastructure.mongo.order_mapping import write_order
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.orders import ITEM, basket, cancelled, completed, failed, later, pending

CUSTOMERS = [None, "one", "other"]
REFERENCES = [None, "2026-17", "2026-18"]
# Of an order's lines, in the customer's order.
ITEMS = [[ITEM], ["b" * 24], [ITEM, "b" * 24], ["c" * 24, ITEM, "b" * 24], ["c" * 24, "b" * 24]]
MAKERS: list[Callable[..., Order]] = [pending, completed, failed, cancelled]
# Many to a millisecond, so that the time alone does not order them.
MILLISECONDS = [later(n / 1000) for n in range(12)]
EVERY_FILTER = [
    OrderQuery(customer_id=customer, reference=reference, item_id=item, status=status)
    for customer, reference, item, status in product(
        [None, "one"],
        [None, "2026-17"],
        [None, ITEM],
        [None, OrderStatus.FAILED, OrderStatus.PENDING],
    )
]
BETWEEN = {"created_from": MILLISECONDS[3], "created_to": MILLISECONDS[9]}


class Store(NamedTuple):
    """A migrated database, and what was sent to it."""

    database: Database
    commands: Commands


def place(order: Order) -> tuple[object, ...]:
    return order.created_at, order.id


def name_of(query: OrderQuery) -> str:
    parts = [
        query.customer_id and "customer",
        query.reference and "reference",
        query.item_id and "item",
        query.status,
    ]
    return " and ".join(part for part in parts if part) or "all"


@pytest.fixture(scope="module")
def store(mongo: Mongod) -> Iterator[Store]:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        yield Store(database, commands)


@pytest.fixture(scope="module")
def stored(store: Store) -> list[Order]:
    """Thousands, of every kind, newest first."""
    cases = list(product(CUSTOMERS, REFERENCES, ITEMS, MAKERS, MILLISECONDS))
    random.Random(6).shuffle(cases)
    orders = [
        made(make, items, at, customer_id=customer, reference=reference)
        for customer, reference, items, make, at in cases
    ]
    store.database["orders"].insert_many(map(write_order, orders))
    assert len(orders) > 2000
    return sorted(orders, key=place, reverse=True)


def made(make: Callable[..., Order], items: list[str], at: datetime, **given: Any) -> Order:
    lines = [Line(item, 1) for item in items]
    return replace(make(lines=lines, at=at, **given), created_at=at).saved()


def matching(orders: list[Order], query: OrderQuery) -> list[Order]:
    return [
        order
        for order in orders
        if query.customer_id in (None, order.customer_id)
        and query.reference in (None, order.reference)
        and query.item_id in (None, *order.item_ids)
        and query.status in (None, order.status)
        and (query.created_from is None or order.created_at >= query.created_from)
        and (query.created_to is None or order.created_at < query.created_to)
    ]


def read_through(
    database: Database, query: OrderQuery, between_pages: Callable[[], object] = lambda: None
) -> list[Order]:
    list_orders, found = ListOrders(MongoOrderPages(database)), list[Order]()
    while True:
        page = list_orders(query)
        found += page.orders
        if page.next is None:
            return found
        assert len(page.orders) == query.limit
        query = replace(query, after=page.next)
        between_pages()


# --- what it shows


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize("times", [{}, BETWEEN], ids=["at any time", "between two times"])
@pytest.mark.parametrize("query", EVERY_FILTER, ids=name_of)
def test_the_pages_of_a_list_together_are_all_matching_orders_once_and_newest_first(
    query: OrderQuery, times: dict[str, Any], limit: int, store: Store, stored: list[Order]
) -> None:
    query = replace(query, limit=limit, **times)
    wanted = matching(stored, query)
    assert wanted
    assert read_through(store.database, query) == wanted


@pytest.mark.parametrize("item", "abc")
def test_an_order_of_several_items_is_found_once_by_each_of_its_items(
    item: str, database: Database
) -> None:
    repository = MongoOrderRepository(database)
    order = repository.add(basket(reference="2026-17"))
    repository.add(pending("d" * 24))
    by_item = OrderQuery(item_id=item * 24)
    for query in (by_item, replace(by_item, reference="2026-17"), OrderQuery(reference="2026-17")):
        assert MongoOrderPages(database).page(query) == [order]
    assert MongoOrderPages(database).page(replace(by_item, reference="2026-18")) == []


# --- what a page costs


def explained(store: Store, query: OrderQuery) -> dict[str, Any]:
    """How the server carries out the very command that the page sends."""
    store.commands.sent.clear()
    MongoOrderPages(store.database).page(query)
    [find] = store.commands.named("find")
    kept = ("find", "filter", "sort", "limit", "projection", "hint")
    command = {name: find[name] for name in kept if name in find}
    answer: dict[str, Any] = store.database.command("explain", command, verbosity="executionStats")
    return answer


def stages(plan: dict[str, Any]) -> list[str]:
    inner = [*plan.get("inputStages", []), *([plan["inputStage"]] if "inputStage" in plan else [])]
    return [plan["stage"], *(stage for each in inner for stage in stages(each))]


@pytest.mark.parametrize("after", [None, "a page before"])
@pytest.mark.parametrize("times", [{}, BETWEEN], ids=["at any time", "between two times"])
@pytest.mark.parametrize("query", EVERY_FILTER, ids=name_of)
def test_a_page_of_orders_reads_its_own_orders_from_an_index_and_no_others(
    query: OrderQuery,
    times: dict[str, Any],
    after: str | None,
    stored: list[Order],
    store: Store,
) -> None:
    query = replace(query, limit=5, **times)
    left = len(matching(stored, query))
    if after:
        query = replace(query, after=ListOrders(MongoOrderPages(store.database))(query).next)
        assert query.after is not None
        left -= 5
    plan = explained(store, query)
    used = stages(plan["queryPlanner"]["winningPlan"])
    assert not {"COLLSCAN", "SORT"} & set(used)
    assert used.count("IXSCAN") == 1
    stats = plan["executionStats"]
    assert stats["nReturned"] == min(5, left)
    passed_over = sum(
        order.created_at == query.after.created_at and order.id >= query.after.id
        for order in matching(stored, query)
        if query.after
    )
    assert stats["totalDocsExamined"] <= 5 + passed_over
    # One key more may end the walk.
    assert stats["totalKeysExamined"] <= 5 + passed_over + 1


def test_a_page_that_no_order_matches_reads_nothing(store: Store, stored: list[Order]) -> None:
    nobody = OrderQuery(customer_id="nobody", item_id=ITEM, status=OrderStatus.FAILED)
    stats = explained(store, nobody)["executionStats"]
    assert (stats["nReturned"], stats["totalDocsExamined"], stats["totalKeysExamined"]) == (0, 0, 0)


def test_each_list_of_orders_has_an_index_of_its_own(store: Store) -> None:
    names = {list_index_name(query) for query in EVERY_FILTER}
    there = {name for name in store.database["orders"].index_information() if "list" in name}
    assert names == there
    assert len(names) == 16


def keys_by_index(database: Database) -> dict[str, int]:
    found: dict[str, int] = database.command("validate", "orders")["keysPerIndex"]
    return {name: keys for name, keys in found.items() if name.startswith("list")}


def test_a_service_without_customers_and_references_does_not_pay_for_their_indexes(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    for order in (completed(), completed(basket())):
        repository.add(order)
    narrowed = {"list": 2, "list_status": 2, "list_item": 4, "list_item_status": 4}
    keys = keys_by_index(database)
    assert {name: number for name, number in keys.items() if number} == narrowed
    repository.add(completed(customer_id="one"))
    repository.add(completed(reference="2026-17"))
    counted = keys_by_index(database)
    of_one = {name for name in keys if ("customer" in name) != ("reference" in name)}
    of_both = {name for name in keys if "customer" in name and "reference" in name}
    assert (len(of_one), len(of_both)) == (8, 4)
    assert {name: counted[name] for name in of_one} == dict.fromkeys(of_one, 1)
    assert {name: counted[name] for name in of_both} == dict.fromkeys(of_both, 0)
