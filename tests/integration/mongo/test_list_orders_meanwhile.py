"""A list of orders while others come in and are settled, and as a client follows it."""

import random
from collections.abc import Iterator

import pytest
from bson import ObjectId
from flask.testing import FlaskClient

from order_service.application.orders.list import ListOrders, OrderQuery
from order_service.bootstrap.api import build_api
from order_service.bootstrap.shared import Shared
from order_service.domain.marks import Failure, FailureCode
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.settings import Settings
from tests.integration.connections import opened
from tests.integration.migrated_stores import MigratedStores
from tests.integration.mongo.test_list_orders import MILLISECONDS, place, read_through
from tests.orders import completed, failed, later, moved_at, pending

# --- stable while it is read


def test_orders_that_come_in_between_pages_push_nothing_into_or_out_of_the_pages(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    before = {repository.add(pending(at=at)).id for at in MILLISECONDS for _ in range(3)}

    def one_comes_in() -> None:
        # Newer than all, older than all, and in the midst of both.
        for at in (later(9), later(-9), MILLISECONDS[6]):
            repository.add(pending(at=at))

    found = [order.id for order in read_through(database, OrderQuery(limit=4), one_comes_in)]
    assert len(found) == len(set(found))
    assert before <= set(found)


def test_orders_that_are_settled_between_pages_are_neither_skipped_nor_repeated(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    waiting = [repository.add(pending(at=at)) for at in MILLISECONDS for _ in range(3)]
    unsettled = random.Random(6).sample(waiting, len(waiting))

    def some_are_settled() -> None:
        for order in [unsettled.pop() for _ in range(min(3, len(unsettled)))]:
            failure = Failure(FailureCode.ABANDONED)
            changed = random.choice([moved_at(order, later(1)), order.fail(failure, later(1))])
            repository.save(changed)

    found = [order.id for order in read_through(database, OrderQuery(limit=4), some_are_settled)]
    assert found == [order.id for order in sorted(waiting, key=place, reverse=True)]


def test_a_list_goes_on_after_its_last_order_even_if_that_order_is_gone(database: Database) -> None:
    repository, list_orders = MongoOrderRepository(database), ListOrders(MongoOrderPages(database))
    orders = [repository.add(pending(at=at)) for at in MILLISECONDS]
    page = list_orders(OrderQuery(limit=4))
    database["orders"].delete_one({"_id": ObjectId(page.orders[-1].id)})
    rest = list_orders(OrderQuery(limit=100, after=page.next))
    assert [order.id for order in rest.orders] == [order.id for order in reversed(orders[:-4])]


# --- as a client sees it


@pytest.fixture
def settings(stores: MigratedStores) -> Iterator[Settings]:
    with stores.one() as settings:
        yield settings


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with opened(settings) as database:
        yield database


@pytest.fixture
def client(settings: Settings, database: Database, shared: Shared) -> FlaskClient:
    return build_api(settings, database, shared).test_client()


def test_following_the_next_links_of_a_list_shows_every_order_once(
    client: FlaskClient, database: Database
) -> None:
    repository = MongoOrderRepository(database)
    orders = [repository.add(completed(at=at)) for at in MILLISECONDS]
    repository.add(failed(at=MILLISECONDS[5]))
    shown: list[str] = []
    path: str | None = "/api/orders?status=COMPLETED&createdAfter=2026-01-02T03:04:05Z&limit=5"
    lengths = []
    while path:
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"].startswith("private")
        body = answer.get_json()
        shown += [order["_id"] for order in body["orders"]]
        lengths.append(len(body["orders"]))
        link = answer.headers.get("Link")
        assert (link is None) == (body["nextCursor"] is None)
        path = link.removeprefix("<").removesuffix('>; rel="next"') if link else None
    assert shown == [order.id for order in reversed(orders)]
    assert lengths == [5, 5, 2]


def test_an_order_in_a_list_is_shown_as_the_order_alone_is(
    client: FlaskClient, database: Database
) -> None:
    order = MongoOrderRepository(database).add(completed())
    [shown] = client.get("/api/orders").get_json()["orders"]
    assert shown == client.get(f"/api/orders/{order.id}").get_json()["order"]


def test_the_list_of_no_orders_is_empty_and_has_no_cursor(client: FlaskClient) -> None:
    assert client.get("/api/orders").get_json() == {"orders": [], "nextCursor": None}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("cursor=nonsense", ["cursor"]),
        ("limit=0&status=DONE&itemId=1", ["itemId", "status", "limit"]),
        ("createdAfter=1700000000", ["createdAfter"]),
        ("limit=1&limit=2", ["limit"]),
    ],
)
def test_bad_parameters_of_a_list_are_a_400_that_names_each_of_them(
    query: str, fields: list[str], client: FlaskClient
) -> None:
    answer = client.get(f"/api/orders?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["code"] == "invalid_request"
    assert [error["field"] for error in answer.get_json()["errors"]] == fields


def test_a_cursor_is_refused_by_a_list_with_other_filters(
    client: FlaskClient, database: Database
) -> None:
    repository = MongoOrderRepository(database)
    for at in MILLISECONDS[:2]:
        repository.add(completed(at=at))
    cursor = client.get("/api/orders?limit=1").get_json()["nextCursor"]
    assert client.get(f"/api/orders?limit=50&cursor={cursor}").status_code == 200
    answer = client.get(f"/api/orders?status=FAILED&cursor={cursor}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.get_json()["errors"]] == ["cursor"]
