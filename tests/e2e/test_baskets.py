"""Orders of several items, with references and metadata, as a client sees them."""

import json
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import pytest

from tests.e2e.answers import order_in, problem_in
from tests.system import System
from tests.waiting import until

NOBODY = "0" * 24
JSON = {"Content-Type": "application/json"}
MOST_LINES = 100


def lines_of(order: dict[str, Any]) -> dict[str, int]:
    return {line["itemId"]: line["quantity"] for line in order["lines"]}


def listed(system: System, **parameters: str) -> list[str]:
    """The ids of the orders of a list, page by page."""
    found: list[str] = []
    path = "/api/orders"
    while path:
        page = system.request("GET", path, params=parameters)
        assert page.status_code == 200, page.text
        found += [order["_id"] for order in page.json()["orders"]]
        path = urljoin(path, page.links["next"]["url"]) if "next" in page.links else ""
        # The link has every parameter itself.
        parameters = {}
    return found


@pytest.fixture
def items(either: System) -> list[str]:
    """Three items with a stock of 10 each, of different prices."""
    return [either.add_item(stock=10, price=price) for price in ("0.10", "19.99", "5")]


# --- all of it


def test_a_basket_is_created_with_its_lines_and_can_be_read(
    either: System, items: list[str]
) -> None:
    one, two, three = items
    created = either.create_basket({three: 2, one: 3, two: 1}, reference="2026-17")
    assert created.status_code == 201
    order = order_in(created)
    assert order["lines"] == [
        {"itemId": three, "quantity": 2, "unitPrice": 5, "totalPrice": 10},
        {"itemId": one, "quantity": 3, "unitPrice": 0.1, "totalPrice": 0.3},
        {"itemId": two, "quantity": 1, "unitPrice": 19.99, "totalPrice": 19.99},
    ]
    assert (order["status"], order["totalPrice"]) == ("COMPLETED", 30.29)
    assert order["reference"] == "2026-17"
    for url in either.urls:
        assert order_in(either.get(order["_id"], url)) == order
    assert [either.stock(item) for item in items] == [7, 9, 8]


def test_a_basket_of_one_line_is_shown_as_an_order_of_one_item(
    either: System, items: list[str]
) -> None:
    order = order_in(either.create_basket({items[0]: 2}))
    assert (order["itemId"], order["quantity"]) == (items[0], 2)
    assert either.stock(items[0]) == 8


def test_a_body_of_64_kib_with_100_lines_is_taken(either: System) -> None:
    items = [either.add_item(stock=2, price="1") for _ in range(MOST_LINES)]
    lines = [{"itemId": item, "quantity": 1} for item in items]
    body = json.dumps({"items": lines}).encode().ljust(64 * 1024)
    answer = either.request("POST", "/api/orders", data=body, headers=JSON)
    assert answer.status_code == 201, answer.text
    assert list(lines_of(order_in(answer))) == items
    assert {either.stock(item) for item in items} == {1}


def test_an_order_shows_the_currency_that_the_service_knows(
    system: System, conditional: System
) -> None:
    for service, currency in ((system, None), (conditional, "EUR")):
        created = service.create(service.add_item(stock=1))
        assert order_in(created).get("currency") == currency


# --- none of it


def test_one_short_line_refuses_the_basket_and_is_named(either: System, items: list[str]) -> None:
    one, two, three = items
    answer = either.create_basket({one: 1, two: 11, three: 1})
    problem = problem_in(answer, 400, "insufficient_stock")
    assert problem["items"] == [{"itemId": two, "requested": 11, "available": 10}]
    assert not {"itemId", "requested", "available"} & problem.keys()
    assert two in problem["detail"]
    # The conditional contract gives back what was taken after the answer.
    until(lambda: [either.stock(item) for item in items] == [10] * 3, "all stock is back")


def test_an_item_that_is_not_there_refuses_the_basket_and_is_named(
    either: System, items: list[str]
) -> None:
    answer = either.create_basket({items[0]: 1, NOBODY: 2, items[1]: 1})
    problem = problem_in(answer, 400, "item_not_found")
    assert problem["items"] == [{"itemId": NOBODY, "requested": 2, "available": None}]
    assert not {"itemId", "requested", "available"} & problem.keys()
    until(lambda: [either.stock(item) for item in items] == [10] * 3, "all stock is back")


def test_every_line_that_is_short_or_missing_is_named(system: System) -> None:
    one, two = system.add_item(stock=1), system.add_item(stock=2)
    short = [
        {"itemId": NOBODY, "requested": 1, "available": None},
        {"itemId": one, "requested": 2, "available": 1},
        {"itemId": two, "requested": 3, "available": 2},
    ]
    both = problem_in(system.create_basket({two: 3, one: 2}), 400, "insufficient_stock")
    assert sorted(both["items"], key=lambda each: each["requested"]) == short[1:]
    answer = system.create_basket({two: 3, NOBODY: 1, one: 2})
    problem = problem_in(answer, 400, "item_not_found")
    assert sorted(problem["items"], key=lambda each: each["requested"]) == short


# --- cancelled


def test_a_cancelled_basket_gives_every_line_back_once(either: System, items: list[str]) -> None:
    order = order_in(either.create_basket(dict.fromkeys(items, 4)))
    for url in either.urls:
        cancelled = either.cancel(order["_id"], url)
        assert cancelled.status_code == 200
        shown = order_in(cancelled)
        assert shown == order | {"status": "CANCELLED", "updatedAt": shown["updatedAt"]}
    assert [either.stock(item) for item in items] == [10] * 3


# --- listed


def test_the_list_finds_a_basket_by_each_of_its_items(either: System, items: list[str]) -> None:
    both = order_in(either.create_basket({items[0]: 1, items[1]: 1}))["_id"]
    one = order_in(either.create(items[0]))["_id"]
    assert listed(either, itemId=items[0]) == [one, both]
    assert listed(either, itemId=items[1], status="COMPLETED") == [both]
    assert listed(either, itemId=items[2]) == []


def test_the_list_finds_orders_by_reference_on_every_page(system: System) -> None:
    reference, item = f'{uuid4().hex} "&ä', system.add_item(stock=10)
    ids = [order_in(system.create_basket({item: 1}, reference=reference))["_id"] for _ in range(3)]
    order_in(system.create_basket({item: 1}, reference=f"{reference}!"))
    newest_first = ids[::-1]
    assert listed(system, reference=reference, limit="1") == newest_first
    assert listed(system, reference=reference, itemId=item, status="COMPLETED") == newest_first
    assert listed(system, reference=reference, status="FAILED") == []


# --- metadata

TEXTS = {
    "channel": "web",
    "a.name $with\0": "two\nlines, \N{SNOWMAN}\N{RIGHT-TO-LEFT OVERRIDE} and \0",
    "$": "",
}


def test_metadata_come_back_as_they_were_given(either: System, items: list[str]) -> None:
    order = order_in(either.create_basket({items[0]: 1}, metadata=TEXTS))
    assert list(order["metadata"].items()) == list(TEXTS.items())
    for url in either.urls:
        assert order_in(either.get(order["_id"], url)) == order
    [found] = either.request("GET", "/api/orders", params={"itemId": items[0]}).json()["orders"]
    assert found == order


def test_metadata_are_not_logged(either: System, items: list[str]) -> None:
    secret = uuid4().hex
    given = {"metadata": {"to": f"{secret} Street", f"{secret}": "a name"}}
    key = uuid4().hex
    created = either.create_basket({items[0]: 1, items[1]: 1}, key, **given)
    order_id = order_in(created)["_id"]
    answers = [
        created,
        either.create_basket({items[0]: 1, items[1]: 1}, key, **given),
        either.create_basket({items[0]: 2}, key, **given),
        either.create_basket({items[0]: 11}, **given),
        either.create_basket({items[0]: 0}, **given),
        either.create_basket({items[0]: 1}, metadata={"to": [secret], secret * 2: ""}),
        either.request("POST", "/api/orders", data=f'{{"metadata": "{secret}', headers=JSON),
        either.get(order_id),
        either.cancel(order_id),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 422, *[400] * 4, 200, 200]
    until(lambda: not any(each.get("outbox") for each in either.orders(items[0])), "all is told")
    logs = [process.log() for process in (*either.api, *either.worker)]
    assert all(answer.headers["X-Request-Id"] in "".join(logs) for answer in answers)
    assert secret not in "".join(logs)


def test_metadata_of_an_order_that_the_store_refuses_are_not_logged(system: System) -> None:
    secret, reference = uuid4().hex, uuid4().hex
    rule = {"reference": {"$ne": reference}}
    system.database.command("collMod", "orders", validator=rule)
    try:
        answer = system.create_basket({NOBODY: 1}, reference=reference, metadata={secret: secret})
    finally:
        system.database.command("collMod", "orders", validator={})
    problem_in(answer, 503, "store_unavailable")
    log = system.api[0].log()
    assert answer.headers["X-Request-Id"] in log
    assert secret not in log


# --- bad input: nothing is deducted, and nothing is stored


def _bad_baskets(one: str, two: str) -> dict[str, tuple[dict[str, Any], list[str]]]:
    def line(item: Any = one, quantity: Any = 1) -> dict[str, Any]:
        return {"itemId": item, "quantity": quantity}

    return {
        "both forms": ({"items": [line()], **line(two)}, ["itemId", "quantity"]),
        "both, with nulls": ({"items": [line()], **line(None, None)}, ["itemId", "quantity"]),
        "null": ({"items": None}, ["items"]),
        "an empty list": ({"items": []}, ["items"]),
        "an object": ({"items": line()}, ["items"]),
        "101 lines": (
            {"items": [line(f"{number:024x}") for number in range(MOST_LINES + 1)]},
            ["items"],
        ),
        "thousands of lines": ({"items": [0] * 20_000}, ["items"]),
        "an item twice": (
            {"items": [line(), line(two), line(one.upper())]},
            ["items[2].itemId"],
        ),
        "too many units": ({"items": [line(one, 2**31 - 1), line(two)]}, ["items"]),
        "lines that are no objects": ({"items": [line(), 1, [line()]]}, ["items[1]", "items[2]"]),
        "bad fields": (
            {"items": [line(), line("?"), line(two), line("a" * 24, 1.0), {}]},
            ["items[1].itemId", "items[3].quantity", "items[4].itemId", "items[4].quantity"],
        ),
        "thousands of texts": (
            {"items": [line()], "metadata": dict.fromkeys(map(str, range(4000)))},
            ["metadata"],
        ),
    }


@pytest.mark.parametrize("which", _bad_baskets("", ""))
def test_every_field_of_a_basket_that_is_wrong_is_named_by_its_place(
    which: str, system: System
) -> None:
    one, two = system.add_item(stock=10), system.add_item(stock=10)
    body, wrong = _bad_baskets(one, two)[which]
    answer = system.request("POST", "/api/orders", json=body)
    problem = problem_in(answer, 400, "invalid_request")
    assert [each["field"] for each in problem["errors"]] == wrong
    assert all(each["reason"] for each in problem["errors"])
    assert len(answer.content) < 2000
    for item in (one, two):
        assert system.stock(item) == 10
        assert system.orders(item) == []


def test_an_item_that_is_in_a_basket_twice_is_named_with_both_places(system: System) -> None:
    item = system.add_item(stock=10)
    body = {"items": [{"itemId": item, "quantity": 1}] * 2}
    problem = problem_in(system.request("POST", "/api/orders", json=body), 400, "invalid_request")
    assert "items[1].itemId: is the item of items[0] too" in problem["detail"]
