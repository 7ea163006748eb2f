"""The contract that deducts and restores by operation id."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest
import requests

from devstack.inventory import SAMPLE_ITEMS, SampleInventory
from tests.devstack.topic import Topic


class Operate(Protocol):
    def __call__(
        self, verb: str, item_id: str, quantity: int, operation_id: str
    ) -> requests.Response: ...


@pytest.fixture
def operate(inventory: SampleInventory, http: requests.Session) -> Operate:
    def send(verb: str, item_id: str, quantity: int, operation_id: str) -> requests.Response:
        body = {"quantity": quantity, "operationId": operation_id}
        return http.post(f"{inventory.url}/api/items/{verb}-stock/{item_id}", json=body, timeout=10)

    return send


@pytest.fixture
def stock_of(inventory: SampleInventory, http: requests.Session) -> Callable[[str], int]:
    def read(item_id: str) -> int:
        stock: int = http.get(f"{inventory.url}/api/items/stock/{item_id}", timeout=10).json()[
            "stock"
        ]
        return stock

    return read


def test_a_repeated_operation_changes_nothing_and_answers_the_same(
    operate: Operate, new_item: Callable[[int], str], topic: Topic
) -> None:
    item_id = new_item(10)
    answers = [
        operate("deduct", item_id, 3, "a"),
        operate("deduct", item_id, 2, "b"),
        operate("deduct", item_id, 3, "a"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    stocks = [7, 5, 7]
    assert [answer.json() for answer in answers] == [{"stock": s, "price": 12.5} for s in stocks]
    assert [event["newStock"] for event in topic.all_events(item_id)] == [7, 5]


def test_deduct_and_restore_with_the_same_id_are_two_operations(
    operate: Operate, new_item: Callable[[int], str], stock_of: Callable[[str], int]
) -> None:
    item_id = new_item(10)
    for verb, stock in (("deduct", 6), ("restore", 10), ("restore", 10), ("deduct", 6)):
        assert operate(verb, item_id, 4, "order").json()["stock"] == stock
    assert stock_of(item_id) == 10


def test_a_deduction_beyond_the_stock_is_409_with_the_stock(
    operate: Operate, new_item: Callable[[int], str]
) -> None:
    answer = operate("deduct", new_item(2), 3, "a")
    assert (answer.status_code, answer.json()) == (409, {"stock": 2})


def test_an_unknown_item_is_404(operate: Operate) -> None:
    assert operate("deduct", "64c0ffee0000000000000000", 1, "a").status_code == 404
    assert operate("restore", "nonsense", 1, "a").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"quantity": 1},
        {"operationId": "a"},
        {"quantity": 0, "operationId": "a"},
        {"quantity": True, "operationId": "a"},
        {"quantity": 1, "operationId": ""},
        {"quantity": 1, "operationId": 7},
    ],
)
def test_a_bad_body_is_400(
    inventory: SampleInventory,
    http: requests.Session,
    new_item: Callable[[int], str],
    body: dict[str, Any],
) -> None:
    url = f"{inventory.url}/api/items/deduct-stock/{new_item(1)}"
    assert http.post(url, json=body, timeout=10).status_code == 400


def test_concurrent_deductions_never_oversell(
    operate: Operate, new_item: Callable[[int], str], stock_of: Callable[[str], int]
) -> None:
    item_id = new_item(20)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: operate("deduct", item_id, 1, str(n)), range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 409: 30}
    assert stock_of(item_id) == 0


def test_an_operation_sent_by_many_at_once_is_applied_once(
    operate: Operate, new_item: Callable[[int], str], stock_of: Callable[[str], int]
) -> None:
    item_id = new_item(20)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: operate("deduct", item_id, 2, "a"), range(32)))
    assert {answer.json()["stock"] for answer in answers} == {18}
    assert stock_of(item_id) == 18


def test_an_operation_is_still_known_after_hundreds_of_newer_operations(
    operate: Operate, new_item: Callable[[int], str], stock_of: Callable[[str], int]
) -> None:
    item_id = new_item(1000)
    operate("deduct", item_id, 1, "first")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: operate("deduct", item_id, 1, str(n)), range(250)))
    assert operate("deduct", item_id, 1, "first").json()["stock"] == 999
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: operate("deduct", item_id, 1, str(n)), range(250)))
    assert stock_of(item_id) == 749


def test_operations_cut_off_by_a_kill_are_applied_once_when_repeated(
    own_inventory: Callable[..., SampleInventory], http: requests.Session
) -> None:
    part, beans = own_inventory(), SAMPLE_ITEMS[2]
    answered = threading.Semaphore(0)

    def deduct(operation: int) -> int:
        body = {"quantity": 1, "operationId": str(operation)}
        url = f"{part.url}/api/items/deduct-stock/{beans.item_id}"
        try:
            return http.post(url, json=body, timeout=10).status_code
        except requests.RequestException:
            return 0
        finally:
            answered.release()

    with ThreadPoolExecutor(8) as pool:
        cut_off = pool.map(deduct, range(120))
        for _ in range(40):
            answered.acquire()
        part.kill()
        assert Counter(cut_off)[0] > 0
    part.start()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(deduct, range(120))) == {200}
    left = http.get(f"{part.url}/api/items/stock/{beans.item_id}", timeout=10).json()["stock"]
    assert left == beans.stock - 120
