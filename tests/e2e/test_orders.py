"""Creating and reading orders, as a client sees it."""

import json
from typing import Any

import pytest
import requests

from tests.e2e.answers import order_in, problem_in
from tests.system import System

NOBODY = "0" * 24
JSON = {"Content-Type": "application/json"}


def send(system: System, body: Any, headers: dict[str, str] | None = None) -> requests.Response:
    """``body``: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return system.request("POST", "/api/orders/create", data=data, headers=headers or JSON)


# --- the seed's own examples


def test_an_order_is_created_and_can_be_read(system: System) -> None:
    item = system.add_item(stock=10, price="19.99")
    created = system.create(item, 2)
    assert created.status_code == 201
    order = order_in(created)
    line = {"itemId": item, "quantity": 2, "unitPrice": 19.99, "totalPrice": 39.98}
    assert order["lines"] == [line]
    assert (order["itemId"], order["quantity"]) == (item, 2)
    assert (order["status"], order["totalPrice"]) == ("COMPLETED", 39.98)
    assert created.headers["Location"] == f"/api/orders/{order['_id']}"
    for url in system.urls:
        read = system.get(order["_id"], url=url)
        assert read.status_code == 200
        assert order_in(read) == order
    assert system.stock(item) == 8


def test_an_order_over_the_stock_is_a_400(system: System) -> None:
    item = system.add_item(stock=1)
    problem = problem_in(system.create(item, 2), 400, "insufficient_stock")
    short = {"itemId": item, "requested": 2, "available": 1}
    assert problem["items"] == [short]
    assert problem == {**problem, **short}
    assert system.stock(item) == 1


def test_an_order_of_an_unknown_item_is_a_400(system: System) -> None:
    problem = problem_in(system.create(NOBODY), 400, "item_not_found")
    missing = {"itemId": NOBODY, "requested": 1, "available": None}
    assert problem["items"] == [missing]
    assert problem == {**problem, **missing}


@pytest.mark.parametrize("order_id", [NOBODY, "123", "z" * 24, "%00"])
def test_an_order_that_is_not_there_is_not_found(order_id: str, system: System) -> None:
    problem_in(system.get(order_id), 404, "order_not_found")


# --- routes and representation


def test_an_order_can_be_posted_to_api_orders(system: System) -> None:
    item = system.add_item(stock=1)
    body = {"itemId": item, "quantity": 1}
    assert system.request("POST", "/api/orders", json=body).status_code == 201
    assert system.stock(item) == 0


def test_unknown_fields_of_an_order_are_ignored(system: System) -> None:
    body = {"itemId": system.add_item(stock=1), "quantity": 1, "price": 0, "status": "COMPLETED"}
    answer = send(system, body)
    assert answer.status_code == 201
    assert order_in(answer)["totalPrice"] == 9.99


def test_an_items_id_may_be_written_in_capitals(system: System) -> None:
    item = system.add_item(stock=1)
    answer = system.create(item.upper())
    assert order_in(answer)["itemId"] == item


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [("0.1", 3, "0.3"), ("1.1", 3, "3.3"), ("19.99", 100, "1999"), ("0", 5, "0")],
)
def test_money_is_reckoned_in_decimals(
    price: str, quantity: int, total: str, system: System
) -> None:
    item = system.add_item(stock=100, price=price)
    assert f'"totalPrice":{total},' in system.create(item, quantity).text


def test_an_order_that_has_not_changed_is_a_304(system: System) -> None:
    created = system.create(system.add_item(stock=1))
    order_id = order_in(created)["_id"]
    known = {"If-None-Match": created.headers["ETag"]}
    again = system.get(order_id, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert system.cancel(order_id).status_code == 200
    assert system.get(order_id, headers=known).status_code == 200


def test_a_request_keeps_its_x_request_id_or_is_given_one(system: System) -> None:
    named = system.get(NOBODY, headers={"X-Request-Id": "abc-123"})
    assert named.headers["X-Request-Id"] == "abc-123"
    assert len(system.get(NOBODY).headers["X-Request-Id"]) == 32


# --- bad input: nothing is deducted, and nothing is stored

NO_ORDERS: dict[str, bytes] = {
    "half an object": b'{"itemId": "',
    "nothing": b"",
    "no JSON": b"itemId=1&quantity=2",
    "null": b"null",
    "a list": b"[]",
    "a list of an order": b'[{"itemId": "ITEM", "quantity": 1}]',
    "a string": b'"ITEM"',
    "a number": b"42",
    "no UTF-8": b'{"itemId": "\xff\xfe", "quantity": 1}',
    "deep nesting": b"[" * 60_000,
    "a number of 5000 digits": b'{"itemId": "ITEM", "quantity": ' + b"9" * 5000 + b"}",
}
BAD_FIELDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing in it": ({"itemId": None, "quantity": None}, {"itemId", "quantity"}),
    "a number for an id": ({"itemId": 123456789012345678901234}, {"itemId"}),
    "an id too short": ({"itemId": "a" * 23}, {"itemId"}),
    "an id too long": ({"itemId": "a" * 25}, {"itemId"}),
    "an id of other letters": ({"itemId": "g" * 24}, {"itemId"}),
    "an id with a line end": ({"itemId": "a" * 24 + "\n"}, {"itemId"}),
    "an id of wide digits": ({"itemId": "１" * 24}, {"itemId"}),  # noqa: RUF001
    "a query for an id": ({"itemId": {"$ne": None}}, {"itemId"}),
    "a list of ids": ({"itemId": ["a" * 24]}, {"itemId"}),
    "zero": ({"quantity": 0}, {"quantity"}),
    "less than nothing": ({"quantity": -1}, {"quantity"}),
    "true": ({"quantity": True}, {"quantity"}),
    "a string": ({"quantity": "2"}, {"quantity"}),
    "a fraction": ({"quantity": 2.5}, {"quantity"}),
    "a float": ({"quantity": 2.0}, {"quantity"}),
    "no number at all": ({"quantity": float("nan")}, {"body"}),
    "infinity": ({"quantity": float("inf")}, {"body"}),
    "more than any shop has": ({"quantity": 2**31}, {"quantity"}),
    "far more": ({"quantity": 10**30}, {"quantity"}),
    "a list": ({"quantity": [1]}, {"quantity"}),
    "both wrong": ({"itemId": "?", "quantity": "?"}, {"itemId", "quantity"}),
    "a hold of no time": ({"holdSeconds": 0}, {"holdSeconds"}),
    "a hold of null": ({"holdSeconds": None}, {"holdSeconds"}),
    "a hold of a text": ({"holdSeconds": "60"}, {"holdSeconds"}),
    "no reference": ({"reference": ""}, {"reference"}),
    "a reference with a line end": ({"reference": "17\n"}, {"reference"}),
    "a reference that is too long": ({"reference": "x" * 65}, {"reference"}),
    "a reference with half a character": ({"reference": "\ud800"}, {"reference"}),
    "a number for a reference": ({"reference": 17}, {"reference"}),
    "a list for metadata": ({"metadata": ["a"]}, {"metadata"}),
    "21 texts": ({"metadata": {f"{n}": "" for n in range(21)}}, {"metadata"}),
    "texts of other types": ({"metadata": {"a": 1, "b": {}}}, {"metadata.a", "metadata.b"}),
    "no text": ({"metadata": {"a": None}}, {"metadata.a"}),
    "a text that is too long": ({"metadata": {"a": "x" * 501}}, {"metadata.a"}),
    "half a character": ({"metadata": {"a": "\ud800"}}, {"metadata.a"}),
    "a name with half a character": ({"metadata": {"\ud800": ""}}, {"metadata.\ufffd\ufffd\ufffd"}),
    "a name that is too long": ({"metadata": {"x" * 60_000: ""}}, {"metadata." + "x" * 40}),
}


@pytest.fixture
def item(system: System) -> str:
    """With a stock of 10."""
    return system.add_item(stock=10)


def assert_untouched(system: System, item: str) -> None:
    assert system.stock(item) == 10
    assert system.orders(item) == []


@pytest.mark.parametrize("body", NO_ORDERS.values(), ids=NO_ORDERS.keys())
def test_a_body_that_is_no_order_is_refused(body: bytes, system: System, item: str) -> None:
    answer = send(system, body.replace(b"ITEM", item.encode()))
    problem = problem_in(answer, 400, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == ["body"]
    assert_untouched(system, item)


@pytest.mark.parametrize(("given", "wrong"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_every_field_that_is_wrong_is_named(
    given: dict[str, Any], wrong: set[str], system: System, item: str
) -> None:
    problem = problem_in(
        send(system, {"itemId": item, "quantity": 1} | given), 400, "invalid_request"
    )
    assert {each["field"] for each in problem["errors"]} == wrong
    assert all(each["reason"] for each in problem["errors"])
    assert_untouched(system, item)


@pytest.mark.parametrize("missing", ["itemId", "quantity"])
def test_a_field_that_is_missing_is_named(missing: str, system: System, item: str) -> None:
    body: dict[str, Any] = {"itemId": item, "quantity": 1}
    del body[missing]
    problem = problem_in(send(system, body), 400, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == [missing]
    assert_untouched(system, item)


def large(item: str, size: int) -> bytes:
    return json.dumps({"itemId": item, "quantity": 1, "note": ""}).encode().ljust(size, b" ")


def test_a_body_of_more_than_64_kib_is_refused(system: System, item: str) -> None:
    problem_in(send(system, large(item, 64 * 1024 + 1)), 413, "request_entity_too_large")
    assert_untouched(system, item)


def test_a_large_body_of_unknown_length_is_refused(system: System, item: str) -> None:
    pieces = (large(item, 64 * 1024 + 1)[at : at + 8192] for at in range(0, 66_000, 8192))
    answer = system.request("POST", "/api/orders", data=pieces, headers=JSON)
    problem_in(answer, 413, "request_entity_too_large")
    assert_untouched(system, item)


def test_a_body_of_exactly_64_kib_is_taken(system: System) -> None:
    item = system.add_item(stock=1)
    assert send(system, large(item, 64 * 1024)).status_code == 201


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_content_type_other_than_json_is_a_415(
    content_type: str, system: System, item: str
) -> None:
    answer = send(system, {"itemId": item, "quantity": 1}, {"Content-Type": content_type})
    problem_in(answer, 415, "unsupported_media_type")
    assert_untouched(system, item)


def test_json_with_a_charset_is_json(system: System) -> None:
    body = {"itemId": system.add_item(stock=1), "quantity": 1}
    content_type = {"Content-Type": "application/json; charset=utf-8"}
    assert send(system, body, content_type).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/orders/create"),
        ("PUT", "/api/orders/create"),
        ("DELETE", "/api/orders"),
        ("DELETE", f"/api/orders/{NOBODY}"),
        ("PATCH", f"/api/orders/{NOBODY}"),
        ("GET", f"/api/orders/{NOBODY}/cancel"),
        ("GET", f"/api/orders/{NOBODY}/confirm"),
        ("PUT", f"/api/orders/{NOBODY}/extend"),
        ("POST", f"/api/orders/{NOBODY}/history"),
        ("POST", "/api/stock-changes"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_a_405_and_stores_nothing(
    method: str, path: str, system: System, item: str
) -> None:
    answer = system.request(method, path, json={"itemId": item, "quantity": 1})
    problem_in(answer, 405, "method_not_allowed")
    assert method not in answer.headers["Allow"]
    assert_untouched(system, item)


@pytest.mark.parametrize("path", ["/api", "/api/order/create", "/api/orders/a/b/c"])
def test_an_unknown_path_is_a_404(path: str, system: System, item: str) -> None:
    problem_in(system.request("POST", path, json={"itemId": item, "quantity": 1}), 404, "not_found")
    assert_untouched(system, item)


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ".encode(), b"tab\tbed", '""'])
def test_a_malformed_idempotency_key_is_a_400(key: Any, system: System, item: str) -> None:
    headers = {**JSON, "Idempotency-Key": key}
    problem = problem_in(
        send(system, {"itemId": item, "quantity": 1}, headers), 400, "invalid_request"
    )
    assert [each["field"] for each in problem["errors"]] == ["Idempotency-Key"]
    assert_untouched(system, item)


# --- health


def test_every_instance_of_the_api_says_that_it_lives_and_is_ready(system: System) -> None:
    for url in system.urls:
        assert system.request("GET", "/health/live", url=url).json() == {"status": "ok"}
        ready = system.request("GET", "/health/ready", url=url)
        assert ready.status_code == 200
        assert ready.json()["dependencies"]["store"] == {"status": "ok", "required": True}
        assert ready.json()["dependencies"]["inventory"] == {"status": "ok", "required": False}


def test_the_worker_says_that_it_lives_and_is_ready(system: System) -> None:
    for path in ("/health/live", "/health/ready"):
        assert system.request("GET", path, url=system.worker_urls[0]).status_code == 200
