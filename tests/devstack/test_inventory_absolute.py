"""The contract that the existing Inventory Service speaks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from itertools import pairwise
from typing import Any

import pytest
import requests

from devstack.inventory import SAMPLE_ITEMS, SampleInventory
from tests.devstack.topic import Topic

UNKNOWN = "64c0ffee0000000000000000"


@pytest.fixture
def items(inventory: SampleInventory) -> str:
    return f"{inventory.url}/api/items"


def test_an_item_tells_its_name_description_stock_and_price(
    items: str, http: requests.Session, new_item: Callable[[int], str]
) -> None:
    answer = http.get(f"{items}/stock/{new_item(10)}", timeout=10)
    assert answer.status_code == 200
    expected = {"name": "Teapot", "description": "Blue", "stock": 10, "price": 12.5}
    assert answer.json() == expected


def test_the_sample_items_are_there_from_the_start(
    own_inventory: Callable[..., SampleInventory], http: requests.Session
) -> None:
    listed = http.get(f"{own_inventory().url}/api/items", timeout=10).json()["items"]
    found = [(i["_id"], i["name"], i["description"], i["price"], i["stock"]) for i in listed]
    assert found == [astuple(item) for item in SAMPLE_ITEMS]
    assert len(found) >= 5


@pytest.mark.parametrize("item_id", [UNKNOWN, "nonsense", "64c0ffee"])
def test_an_item_that_is_not_there_is_404(items: str, http: requests.Session, item_id: str) -> None:
    read = http.get(f"{items}/stock/{item_id}", timeout=10)
    written = http.patch(f"{items}/update-stock/{item_id}", json={"stock": 1}, timeout=10)
    assert (read.status_code, written.status_code) == (404, 404)
    assert read.json() == written.json() == {"message": "Item not found"}


def test_an_overwrite_is_saved_answered_and_published(
    items: str, http: requests.Session, new_item: Callable[[int], str], topic: Topic
) -> None:
    item_id = new_item(10)
    for stock in (7, 12):
        answer = http.patch(f"{items}/update-stock/{item_id}", json={"stock": stock}, timeout=10)
        assert answer.status_code == 200
        assert answer.json()["item"]["stock"] == stock
        assert answer.json()["message"]
    assert http.get(f"{items}/stock/{item_id}", timeout=10).json()["stock"] == 12
    reduced, added = topic.events(item_id, at_least=2)
    assert reduced.pop("updatedAt") <= added.pop("updatedAt")
    same = {"itemId": item_id}
    assert reduced == same | {
        "previousStock": 10, "newStock": 7, "changeType": "reduced", "changeAmount": 3
    }  # fmt: skip
    assert added == same | {
        "previousStock": 7, "newStock": 12, "changeType": "added", "changeAmount": 5
    }  # fmt: skip


def test_overwriting_with_the_same_value_publishes_nothing(
    items: str, http: requests.Session, new_item: Callable[[int], str], topic: Topic
) -> None:
    item_id = new_item(10)
    answer = http.patch(f"{items}/update-stock/{item_id}", json={"stock": 10}, timeout=10)
    assert answer.status_code == 200
    assert topic.all_events(item_id) == []


@pytest.mark.parametrize(
    "body",
    [{}, [], {"stock": -1}, {"stock": True}, {"stock": "3"}, {"stock": 2.5}, {"stock": 2**31}],
)
def test_a_bad_stock_is_400_and_changes_nothing(
    items: str, http: requests.Session, new_item: Callable[[int], str], body: Any
) -> None:
    item_id = new_item(10)
    answer = http.patch(f"{items}/update-stock/{item_id}", json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert http.get(f"{items}/stock/{item_id}", timeout=10).json()["stock"] == 10


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"price": "1"}, {"price": -1}, {"price": True}, {"stock": 1.5}]
)
def test_a_bad_item_is_not_added(items: str, http: requests.Session, wrong: dict[str, Any]) -> None:
    body = {"name": "Teapot", "description": "Blue", "price": 12.5, "stock": 1} | wrong
    answer = http.post(f"{items}/add", json=body, timeout=10)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["message"]


def test_the_previous_stock_of_every_event_is_true_under_concurrent_overwrites(
    items: str, http: requests.Session, new_item: Callable[[int], str], topic: Topic
) -> None:
    item_id, values = new_item(0), range(1, 41)

    def overwrite(value: int) -> int:
        url = f"{items}/update-stock/{item_id}"
        return http.patch(url, json={"stock": value}, timeout=10).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(overwrite, values)) == {200}
    steps = {e["previousStock"]: e["newStock"] for e in topic.events(item_id, len(values))}
    chain = [0]
    while chain[-1] in steps:
        chain.append(steps[chain[-1]])
    assert sorted(chain) == [0, *values]
    assert all(before != after for before, after in pairwise(chain))


def test_an_overwrite_that_was_answered_survives_a_kill(
    own_inventory: Callable[..., SampleInventory], http: requests.Session
) -> None:
    part, cup = own_inventory(), SAMPLE_ITEMS[0].item_id
    update = f"{part.url}/api/items/update-stock/{cup}"
    assert http.patch(update, json={"stock": 42}, timeout=10).status_code == 200
    part.kill()
    part.start()
    assert http.get(f"{part.url}/api/items/stock/{cup}", timeout=10).json()["stock"] == 42


def test_a_change_that_cannot_be_published_is_saved_and_answered_500_in_time(
    own_inventory: Callable[..., SampleInventory], http: requests.Session
) -> None:
    part, cup = own_inventory(bootstrap="127.0.0.1:1"), SAMPLE_ITEMS[0].item_id
    update = f"{part.url}/api/items/update-stock/{cup}"
    answer = http.patch(update, json={"stock": 42}, timeout=2.5)
    assert answer.status_code == 500
    assert answer.json()["message"]
    assert http.get(f"{part.url}/api/items/stock/{cup}", timeout=10).json()["stock"] == 42
