"""The history of an order, as a client reads it."""

from uuid import uuid4

import pytest
from bson import ObjectId

from tests.api.holding import confirmed, failed, held, sold
from tests.api.issuer import Issuer, customer
from tests.e2e.answers import TIME, order_in
from tests.system import System


@pytest.fixture
def item(shop: System) -> str:
    """With a stock of 10."""
    return shop.add_item(stock=10)


def test_a_history_tells_of_a_hold_from_its_order_to_its_confirmation(
    guarded_shop: System, issuer: Issuer
) -> None:
    ware = guarded_shop.add_item(stock=10)
    odd = f'<b>{uuid4().hex}</b> "settlement" \N{SNOWMAN}'
    somebody = customer(issuer, odd)
    order_id = held(guarded_shop, ware, quantity=2, **somebody)
    extension = order_in(guarded_shop.extend(order_id, 60, **somebody))
    sale = guarded_shop.confirm(order_id, **customer(issuer, "root", "orders:admin"))
    answer = guarded_shop.history(order_id, **somebody)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    placed, taken, longer, done = answer.json()["history"]
    for number, entry in enumerate((placed, taken, longer, done), 1):
        assert list(entry) == [
            *("at", "status", "event", "actor", "by", "version", "recorded", "evidence")
        ]
        assert (entry["version"], entry["recorded"], entry["actor"]) == (number, True, "caller")
        assert TIME.fullmatch(entry["at"])
    assert sale.headers["ETag"] == '"4"'
    assert [(each["event"], each["status"]) for each in (placed, taken, longer, done)] == [
        ("ORDER_PLACED", "PENDING"),
        ("ORDER_RESERVED", "RESERVED"),
        ("ORDER_EXTENDED", "RESERVED"),
        ("ORDER_CREATED", "COMPLETED"),
    ]
    assert [each["by"] for each in (placed, taken, longer, done)] == [odd, odd, odd, "root"]
    [move] = taken["evidence"]["stock"]
    assert (move["itemId"], move["previousStock"], move["newStock"]) == (ware, 10, 8)
    assert longer["evidence"] == {"expiresAt": extension["expiresAt"]}
    assert (placed["evidence"], done["evidence"]) == ({}, {})


def test_a_history_of_an_open_service_has_callers_without_names(shop: System, item: str) -> None:
    history = shop.history(confirmed(shop, item)).json()["history"]
    assert {(entry["actor"], entry["by"]) for entry in history} == {("caller", None)}


def test_a_history_tells_what_was_short(shop: System, item: str) -> None:
    *_, refusal = shop.history(failed(shop, item)).json()["history"]
    assert (refusal["event"], refusal["status"]) == ("ORDER_FAILED", "FAILED")
    assert refusal["evidence"] == {
        "items": [{"itemId": item, "available": 10}],
        "reason": "insufficient_stock",
    }


def test_a_history_of_an_order_from_before_there_was_one_says_what_nobody_knows(
    shop: System, item: str
) -> None:
    order_id = cancelled_sale(shop, item)
    rule = {"$unset": {"history": "", "cancelRequestedBy": ""}}
    shop.database["orders"].update_one({"_id": ObjectId(order_id)}, rule)
    history = shop.history(order_id).json()["history"]
    assert [entry["event"] for entry in history] == [
        "ORDER_PLACED",
        "ORDER_CREATED",
        "ORDER_CANCEL_REQUESTED",
        "ORDER_CANCELLED",
    ]
    assert not any(entry["recorded"] for entry in history)
    assert [entry["actor"] for entry in history] == ["caller", "unknown", "unknown", "unknown"]
    assert [entry.get("version") for entry in history] == [1, None, None, None]
    moves = [entry["evidence"].get("stock", [{}])[0].get("newStock") for entry in history]
    assert moves == [None, 9, None, 10]


def cancelled_sale(shop: System, item: str) -> str:
    order_id = sold(shop, item)
    assert order_in(shop.cancel(order_id))["status"] == "CANCELLED"
    return order_id
