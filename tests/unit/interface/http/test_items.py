"""GET /api/items/<id>"""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.application.items.get import GetItem, Item
from order_service.domain.errors import InventoryUnavailable, ItemNotFound
from order_service.interface.http.app import create_app
from tests.use_cases import only

ITEM = Item("b" * 24, "A thing", "For a test", 7, Decimal("19.99"))
PATH = f"/api/items/{ITEM.id}"
TOKEN = {"Authorization": "Bearer -"}
ODD = '<script>alert(1)</script> "\N{RIGHT-TO-LEFT OVERRIDE}\0\n\N{SNOWMAN}'


class FakeItems:
    def __init__(self, outcome: Item | Exception) -> None:
        self.outcome = outcome
        self.asked: list[str] = []

    def read_item(self, item_id: str) -> Item:
        self.asked.append(item_id)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def client_of(
    outcome: Item | Exception = ITEM, authenticate: Authenticate | None = None
) -> FlaskClient:
    return create_app(only(get_item=GetItem(FakeItems(outcome))), authenticate).test_client()


def test_an_item_is_shown_as_the_inventory_has_it() -> None:
    answer = client_of().get(PATH)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.get_json() == {
        "item": {
            "_id": ITEM.id,
            "name": "A thing",
            "description": "For a test",
            "stock": 7,
            "price": 19.99,
        }
    }
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", [None, "", ODD])
def test_a_text_is_shown_as_the_plain_text_that_it_is_and_null_where_there_is_none(
    text: str | None,
) -> None:
    answer = client_of(replace(ITEM, name=text, description=text)).get(PATH)
    shown = answer.get_json()["item"]
    assert (shown["name"], shown["description"]) == (text, text)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("price", "shown"), [("0", 0), ("5.00", 5), ("0.1", 0.1), ("1234567.89", 1234567.89)]
)
def test_a_price_is_a_number(price: str, shown: float) -> None:
    answer = client_of(replace(ITEM, price=Decimal(price))).get(PATH)
    assert answer.get_json()["item"]["price"] == shown


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ItemNotFound(ITEM.id), 404, "no_such_item"),
        (InventoryUnavailable("The inventory did not answer."), 503, "inventory_unavailable"),
    ],
)
def test_an_item_that_can_not_be_read_is_answered_with_its_status(
    error: Exception, status: int, code: str
) -> None:
    answer = client_of(error).get(PATH)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) is (status == 503)


def test_an_item_that_is_not_there_is_named() -> None:
    assert client_of(ItemNotFound(ITEM.id)).get(PATH).get_json()["itemId"] == ITEM.id


@pytest.mark.parametrize(
    "odd", ["x", "b" * 23, "b" * 25, "g" * 24, "%00", "a%20b", "..%5c", "b" * 24 + "%0a", "é" * 24]
)
def test_an_id_that_can_be_no_items_is_a_404_and_nobody_is_asked(odd: str) -> None:
    items = FakeItems(ITEM)
    client = create_app(only(get_item=GetItem(items))).test_client()
    answer = client.get(f"/api/items/{odd}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_such_item")
    assert items.asked == []


def test_an_id_in_capitals_is_the_same_items() -> None:
    items = FakeItems(ITEM)
    client = create_app(only(get_item=GetItem(items))).test_client()
    assert client.get(f"/api/items/{'B' * 24}").status_code == 200
    assert items.asked == [ITEM.id]


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (Scope.STOCK_READ, 200),
        (Scope.ORDERS_READ, 403),
        (Scope.ORDERS_WRITE, 403),
        (Scope.ORDERS_ADMIN, 403),
    ],
)
def test_an_item_is_for_those_who_may_read_the_stock(scope: Scope, status: int) -> None:
    def authenticate(_: str) -> Caller:
        return Caller("alice", frozenset({scope}))

    answer: Any = client_of(authenticate=authenticate).get(PATH, headers=TOKEN)
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json()["scope"] == "stock:read"


def test_a_defect_shows_nothing_of_itself() -> None:
    get_item = Mock(side_effect=RuntimeError("host=10.0.0.1"))
    answer = create_app(only(get_item=get_item)).test_client().get(PATH)
    assert (answer.status_code, "10.0.0.1" in answer.text) == (500, False)
