"""A repeated Idempotency-Key of a hold answers what the first answered, whatever became of it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.api.holding import await_status, held, is_replayed
from tests.e2e.answers import order_in, problem_in
from tests.system import System

LONGEST = 3600


@pytest.fixture
def item(shop: System) -> str:
    """With a stock of 10."""
    return shop.add_item(stock=10)


@pytest.fixture
def key() -> str:
    return uuid4().hex


def extended(shop: System, order_id: str) -> None:
    assert shop.extend(order_id, 60).status_code == 200


def is_confirmed(shop: System, order_id: str) -> None:
    assert shop.confirm(order_id).status_code == 200


def is_cancelled(shop: System, order_id: str) -> None:
    assert shop.cancel(order_id).status_code == 200


def is_cancelled_as_a_sale(shop: System, order_id: str) -> None:
    is_confirmed(shop, order_id)
    is_cancelled(shop, order_id)


@pytest.mark.parametrize("become", [extended, is_confirmed, is_cancelled, is_cancelled_as_a_sale])
def test_a_repeated_key_answers_as_first_whatever_became_of_the_hold(
    become: Callable[[System, str], None], shop: System, item: str, key: str
) -> None:
    first = shop.hold(item, 900, key=key)
    become(shop, order_in(first)["_id"])
    again = shop.hold(item, 900, key=key)
    assert (again.status_code, is_replayed(again)) == (201, True)
    assert again.content == first.content
    assert len(shop.orders(item)) == 1


def test_a_repeated_key_answers_as_first_after_the_hold_has_expired(
    shop: System, item: str, key: str
) -> None:
    first = shop.hold(item, 1, key=key)
    await_status(shop, order_in(first)["_id"], "EXPIRED")
    again = shop.hold(item, 1, key=key)
    assert (again.status_code, is_replayed(again)) == (201, True)
    assert again.content == first.content
    assert shop.stock(item) == 10


def test_a_replayed_answer_that_the_order_has_left_behind_is_not_taken_for_the_order(
    shop: System, item: str, key: str
) -> None:
    first = shop.hold(item, 900, key=key)
    order_id = order_in(first)["_id"]
    at_once = shop.hold(item, 900, key=key)
    assert at_once.headers["ETag"] == first.headers["ETag"]
    assert shop.confirm(order_id).status_code == 200
    etag = shop.hold(item, 900, key=key).headers["ETag"]
    read = shop.get(order_id, headers={"If-None-Match": etag})
    assert (read.status_code, order_in(read)["status"]) == (200, "COMPLETED")
    problem_in(shop.cancel(order_id, headers={"If-Match": etag}), 412, "precondition_failed")


@pytest.mark.parametrize("more", [{}, {"holdSeconds": 901}])
def test_a_key_of_a_hold_with_another_hold_or_with_none_is_refused(
    more: dict[str, Any], shop: System, item: str, key: str
) -> None:
    held(shop, item, 900, key=key)
    body = {"itemId": item, "quantity": 1, **more}
    answer = shop.request("POST", "/api/orders", json=body, headers={"Idempotency-Key": key})
    problem_in(answer, 422, "key_reused")
    assert shop.stock(item) == 9


def test_a_hold_of_one_item_and_the_same_as_a_basket_are_one_request(
    shop: System, item: str, key: str
) -> None:
    first = shop.hold(item, 900, key=key)
    again = shop.create_basket({item: 1}, key, holdSeconds=900)
    assert (again.status_code, is_replayed(again)) == (201, True)
    assert again.content == first.content


def test_a_key_is_not_spent_on_a_hold_that_is_too_long(shop: System, item: str, key: str) -> None:
    problem_in(shop.hold(item, LONGEST + 1, key=key), 400, "invalid_request")
    answer = shop.hold(item, LONGEST, key=key)
    assert (answer.status_code, is_replayed(answer)) == (201, False)
