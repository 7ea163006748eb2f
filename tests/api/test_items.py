"""What is told of an item, as a client reads it from the running service."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from bson import ObjectId

from tests.api.issuer import Issuer, bearer
from tests.e2e.answers import TIME
from tests.system import System
from tests.waiting import until

NOBODY = "0" * 24
ODD = '<script>alert("1")</script> \N{SNOWMAN}'
ROUTES = {"": "stock:read", "/stock": "stock:read", "/reconciliation": "orders:admin"}


def ask(system: System, item: str, rest: str = "", **options: Any) -> requests.Response:
    return system.request("GET", f"/api/items/{item}{rest}", **options)


def test_an_item_is_what_the_inventory_says_now(open_system: System) -> None:
    item = open_system.items.add(stock=7, price="19.99", name=ODD)
    answer = ask(open_system, item)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "item": {
            "_id": item,
            "name": ODD,
            "description": "For a test",
            "stock": 7,
            "price": 19.99,
        }
    }
    open_system.items.set_stock(item, 3)
    assert ask(open_system, item.upper()).json()["item"]["stock"] == 3


@pytest.mark.parametrize("rest", ["", "/reconciliation"])
def test_an_item_that_nobody_knows_is_a_404(rest: str, open_system: System) -> None:
    answer = ask(open_system, NOBODY, rest)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_item")


@pytest.mark.parametrize("rest", ROUTES)
def test_an_id_that_can_be_no_items_is_a_404(rest: str, open_system: System) -> None:
    answer = ask(open_system, "nobodys", rest)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_item")
    assert answer.json()["itemId"] == "nobodys"


@pytest.mark.parametrize("rest", ROUTES)
def test_each_route_of_an_item_asks_for_its_one_scope(
    rest: str, guarded_system: System, issuer: Issuer
) -> None:
    item = guarded_system.items.add(stock=7)
    scopes = ("orders:read", "orders:write", "stock:read", "orders:admin")
    answers = {
        scope: ask(guarded_system, item, rest, headers=bearer(issuer.token(scope=scope)))
        for scope in scopes
    }
    expected = {scope: 200 if scope == ROUTES[rest] else 403 for scope in scopes}
    assert {scope: answer.status_code for scope, answer in answers.items()} == expected
    assert ask(guarded_system, item, rest).status_code == 401


def test_the_stock_over_a_time_is_told_by_the_log_as_orders_and_others_change_it(
    shop: System,
) -> None:
    item = shop.add_item(stock=10)
    assert shop.create(item, 2).status_code == 201
    shop.items.set_stock(item, 20)
    assert shop.create(item, 5).status_code == 201
    log = shop.database["stock_changes"]
    until(lambda: log.count_documents({"itemId": item}) == 3, "the log has the changes", 20)
    answer = ask(shop, item, "/stock")
    assert answer.status_code == 200
    series = answer.json()
    assert list(series) == ["itemId", "from", "to", "exact", "before", "points"]
    assert (series["itemId"], series["exact"], series["before"]) == (item, True, None)
    assert [
        (point["previousStock"], point["stock"], point["jump"]) for point in series["points"]
    ] == [(10, 8, False), (8, 20, False), (20, 15, False)]
    assert all(TIME.fullmatch(point["at"]) for point in series["points"])
    log.delete_one({"itemId": item, "newStock": 20})
    jumps = [point["jump"] for point in ask(shop, item, "/stock").json()["points"]]
    assert jumps == [False, True]


def test_the_stock_of_an_item_that_the_log_never_heard_of_has_no_points(
    open_system: System,
) -> None:
    answer = ask(open_system, NOBODY, "/stock")
    assert (answer.status_code, answer.json()["points"]) == (200, [])


def test_an_item_is_compared_with_its_orders_and_its_log(shop: System) -> None:
    item = shop.add_item(stock=10)
    assert shop.create(item, 2).status_code == 201
    log = shop.database["stock_changes"]
    until(lambda: log.count_documents({"itemId": item}) == 1, "the log has the change", 20)
    answer = ask(shop, item, "/reconciliation")
    assert answer.status_code == 200
    report = answer.json()["report"]
    assert (report["itemId"], report["agrees"], report["stockNow"]) == (item, True, 8)
    assert report["orders"]["took"]["units"] == 2
    assert (report["log"]["units"], report["log"]["lastStock"]) == (-2, 8)
    assert report["findings"] == []


def test_a_change_that_the_log_lacks_is_found_and_told_in_a_sentence(shop: System) -> None:
    item, at = str(ObjectId()), datetime.now(UTC) - timedelta(hours=1)
    steps = [(10, 8), (10, 7)]
    for number, (previous, new) in enumerate(steps):
        made = at + timedelta(minutes=number)
        shop.database["stock_changes"].insert_one(
            {
                "_id": ObjectId.from_datetime(made),
                "itemId": item,
                "previousStock": previous,
                "newStock": new,
                "changeType": "reduced",
                "changeAmount": previous - new,
                "updatedAt": made,
                "createdAt": made,
                "source": {"topic": item, "partition": 0, "offset": number},
            }
        )
    report = ask(shop, item, "/reconciliation").json()["report"]
    assert (report["agrees"], report["stockNow"]) == (False, None)
    [finding] = report["findings"]
    assert (finding["kind"], finding["differs"]) == ("missing_change", True)
    assert finding["text"].startswith("Missing change: the stock went from 8")


def test_too_much_to_compare_is_a_400_that_says_what_to_do_instead(shop: System) -> None:
    item, at = str(ObjectId()), datetime.now(UTC) - timedelta(hours=2)
    entries = [
        {
            "_id": ObjectId(int(at.timestamp()).to_bytes(4) + number.to_bytes(8)),
            "itemId": item,
            "changeType": "added",
            "updatedAt": at,
            "createdAt": at,
            "source": {"topic": item, "partition": 0, "offset": number},
        }
        for number in range(20_001)
    ]
    shop.database["stock_changes"].insert_many(entries)
    problem = ask(shop, item, "/reconciliation").json()
    assert (problem["status"], problem["code"]) == (400, "too_much_to_compare")
    assert (problem["records"], problem["most"]) == (20_001, 20_000)
    later = {"since": (at + timedelta(minutes=30)).isoformat()}
    assert ask(shop, item, "/reconciliation", params=later).status_code == 404
