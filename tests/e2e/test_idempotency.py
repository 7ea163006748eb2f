"""A repeated Idempotency-Key answers what the first answered, and nothing happens twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.e2e.answers import order_in, problem_in
from tests.system import System
from tests.waiting import until

NOBODY = "0" * 24


@pytest.fixture
def key() -> str:
    return uuid4().hex


def is_replayed(answer: requests.Response) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


def test_a_repeated_key_answers_the_same_order_from_any_instance(system: System, key: str) -> None:
    item = system.add_item(stock=10)
    first = system.create(item, 3, key)
    assert (first.status_code, is_replayed(first)) == (201, False)
    for url in system.urls:
        again = system.create(item, 3, key, url)
        assert (again.status_code, is_replayed(again)) == (201, True)
        assert again.content == first.content
        assert again.headers["Location"] == first.headers["Location"]
    assert system.stock(item) == 7
    assert len(system.orders(item)) == 1


def test_a_quoted_key_and_the_bare_key_are_one_key(system: System, key: str) -> None:
    item = system.add_item(stock=10)
    first, again = system.create(item, 1, key), system.create(item, 1, f'"{key}"')
    assert is_replayed(again)
    assert again.json() == first.json()


def test_an_idempotency_key_of_255_characters_is_taken(system: System, key: str) -> None:
    item = system.add_item(stock=10)
    longest = key.ljust(255, "x")
    assert system.create(item, 1, longest).status_code == 201
    assert is_replayed(system.create(item, 1, longest))


def test_a_refusal_for_want_of_stock_is_remembered(system: System, key: str) -> None:
    item = system.add_item(stock=1)
    first = system.create(item, 2, key)
    system.items.set_stock(item, 10)
    again = system.create(item, 2, key)
    refusal = problem_in(first, 400, "insufficient_stock")
    assert problem_in(again, 400, "insufficient_stock") == refusal
    assert is_replayed(again)
    assert system.stock(item) == 10


def test_a_refusal_for_want_of_an_item_is_remembered(system: System, key: str) -> None:
    first, again = system.create(NOBODY, 1, key), system.create(NOBODY, 1, key)
    refusal = problem_in(first, 400, "item_not_found")
    assert problem_in(again, 400, "item_not_found") == refusal
    assert (is_replayed(first), is_replayed(again)) == (False, True)


def test_a_key_is_not_spent_on_an_invalid_body(system: System, key: str) -> None:
    item = system.add_item(stock=10)
    problem_in(system.create(item, 0, key), 400, "invalid_request")
    answer = system.create(item, 1, key)
    assert (answer.status_code, is_replayed(answer)) == (201, False)


@pytest.mark.parametrize("change", ["quantity", "item"])
def test_a_key_with_another_body_is_refused(change: str, system: System, key: str) -> None:
    item, other = system.add_item(stock=10), system.add_item(stock=10)
    system.create(item, 1, key)
    again = system.create(other, 1, key) if change == "item" else system.create(item, 2, key)
    problem_in(again, 422, "key_reused")
    assert (system.stock(item), system.stock(other)) == (9, 10)


def test_a_repeated_key_takes_a_body_that_asks_the_same_in_another_form(
    system: System, key: str
) -> None:
    item = system.add_item(stock=10)
    first = system.create(item, 1, key)
    body = {"note": "again", "quantity": 1, "itemId": item.upper()}
    again = system.request(
        "POST", "/api/orders", json=body, headers={"Idempotency-Key": key}, url=system.urls[1]
    )
    assert is_replayed(again)
    assert again.json() == first.json()


def test_a_repeated_key_answers_the_same_basket_whatever_the_order_of_its_lines(
    either: System, key: str
) -> None:
    one, two = either.add_item(stock=10), either.add_item(stock=10)
    more = {"reference": "17", "metadata": {"a": "1", "b": "2"}}
    first = either.create_basket({one: 1, two: 2}, key, **more)
    assert (first.status_code, is_replayed(first)) == (201, False)
    for url in either.urls:
        again = either.create_basket({two: 2, one: 1}, key, url, **more)
        assert (again.status_code, is_replayed(again)) == (201, True)
        assert again.content == first.content
    assert (either.stock(one), either.stock(two)) == (9, 8)


def test_a_basket_of_one_line_and_the_short_form_are_one_request(system: System, key: str) -> None:
    item = system.add_item(stock=10)
    first = system.create(item, 2, key)
    again = system.create_basket({item: 2}, key)
    assert (again.status_code, is_replayed(again)) == (201, True)
    assert again.content == first.content
    assert system.stock(item) == 8


@pytest.mark.parametrize(
    "more", [{"reference": "18"}, {"reference": None}, {"metadata": {"a": "2"}}, {"metadata": None}]
)
def test_a_key_with_another_reference_or_other_metadata_is_refused(
    more: dict[str, Any], system: System, key: str
) -> None:
    item = system.add_item(stock=10)
    given = {"reference": "17", "metadata": {"a": "1"}}
    assert system.create_basket({item: 1}, key, **given).status_code == 201
    problem_in(system.create_basket({item: 1}, key, **given | more), 422, "key_reused")
    assert system.stock(item) == 9


def test_the_refusal_of_a_basket_is_remembered(either: System, key: str) -> None:
    one, two = either.add_item(stock=10), either.add_item(stock=1)
    first = either.create_basket({one: 1, two: 2}, key)
    until(lambda: either.stock(one) == 10, "what was taken is back")
    either.items.set_stock(two, 10)
    again = either.create_basket({two: 2, one: 1}, key)
    refusal = problem_in(first, 400, "insufficient_stock")
    assert problem_in(again, 400, "insufficient_stock") == refusal
    assert refusal["items"] == [{"itemId": two, "requested": 2, "available": 1}]
    assert (is_replayed(first), is_replayed(again)) == (False, True)
    assert (either.stock(one), either.stock(two)) == (10, 10)


@pytest.mark.parametrize("contract", ["system", "conditional"])
def test_one_key_50_times_at_once_is_one_order_and_one_deduction(
    contract: str, request: pytest.FixtureRequest, key: str
) -> None:
    system: System = request.getfixturevalue(contract)
    item = system.add_item(stock=100)

    answers = system.create_at_once([item] * 50, key)

    counted = Counter(answer.status_code for answer in answers)
    assert counted.keys() <= {201, 409}
    assert counted[201] >= 1
    for answer in answers:
        if answer.status_code == 409:
            problem_in(answer, 409, "key_in_flight")
            assert int(answer.headers["Retry-After"]) >= 1
    assert len({a.content for a in answers if a.status_code == 201}) == 1
    assert len(system.orders(item)) == 1
    assert system.stock(item) == 99
    assert is_replayed(system.create(item, 1, key))


def test_a_cancelled_order_is_replayed_as_it_was_first_answered(system: System, key: str) -> None:
    item = system.add_item(stock=10)
    first = system.create(item, 1, key)
    assert system.cancel(order_in(first)["_id"]).json()["order"]["status"] == "CANCELLED"
    again = system.create(item, 1, key)
    assert (again.status_code, is_replayed(again)) == (201, True)
    assert again.json() == first.json()
    assert system.stock(item) == 10


def test_five_keys_at_once_are_five_orders(system: System) -> None:
    item = system.add_item(stock=10)
    keys = [uuid4().hex for _ in range(5)]
    with ThreadPoolExecutor(5) as clients:
        answers = list(clients.map(lambda key: system.create(item, 1, key), keys))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({order_in(answer)["_id"] for answer in answers}) == 5
    assert system.stock(item) == 5
