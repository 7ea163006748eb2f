"""How many orders one caller may hold at a time, where callers are known by their tokens."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.api.holding import expired, held, is_replayed
from tests.api.issuer import Issuer, customer
from tests.e2e.answers import problem_in
from tests.system import System


@pytest.fixture
def key() -> str:
    return uuid4().hex


@pytest.fixture
def alice(issuer: Issuer) -> dict[str, Any]:
    """A customer who holds nothing yet."""
    return customer(issuer, f"alice {uuid4().hex}")


@pytest.fixture
def ware(guarded_shop: System) -> str:
    """With a stock of 10."""
    return guarded_shop.add_item(stock=10)


def test_a_caller_who_holds_too_much_is_told_so_and_nothing_is_taken(
    guarded_shop: System, alice: dict[str, Any], ware: str
) -> None:
    for _ in range(2):
        held(guarded_shop, ware, **alice)
    answer = guarded_shop.hold(ware, **alice)
    problem = problem_in(answer, 429, "too_many_holds")
    assert problem["most"] == 2
    assert "RateLimit-Remaining" in answer.headers
    # Nobody knows when one of the holds will end.
    assert "Retry-After" not in answer.headers
    assert guarded_shop.stock(ware) == 8
    assert len(guarded_shop.orders(ware)) == 2


def test_a_caller_who_holds_too_much_may_still_buy_and_others_may_hold(
    guarded_shop: System, alice: dict[str, Any], issuer: Issuer, ware: str
) -> None:
    for _ in range(2):
        held(guarded_shop, ware, **alice)
    body = {"itemId": ware, "quantity": 1}
    bought = guarded_shop.request("POST", "/api/orders", json=body, **alice)
    assert bought.status_code == 201
    held(guarded_shop, ware, **customer(issuer, f"bob {uuid4().hex}"))


@pytest.mark.parametrize("end", ["confirm", "cancel", "expiry", "failure"])
def test_a_hold_that_has_ended_makes_room_for_another(
    end: str, guarded_shop: System, alice: dict[str, Any], ware: str
) -> None:
    held(guarded_shop, ware, **alice)
    if end == "expiry":
        expired(guarded_shop, ware, **alice)
    elif end == "failure":
        answer = guarded_shop.hold(ware, quantity=11, **alice)
        problem_in(answer, 400, "insufficient_stock")
    else:
        order_id = held(guarded_shop, ware, **alice)
        problem_in(guarded_shop.hold(ware, **alice), 429, "too_many_holds")
        ended = guarded_shop.confirm if end == "confirm" else guarded_shop.cancel
        assert ended(order_id, **alice).status_code == 200
    held(guarded_shop, ware, **alice)
    problem_in(guarded_shop.hold(ware, **alice), 429, "too_many_holds")


def test_a_key_is_not_spent_on_a_hold_that_was_one_too_many(
    guarded_shop: System, alice: dict[str, Any], ware: str, key: str
) -> None:
    first, _ = (held(guarded_shop, ware, **alice) for _ in range(2))
    problem_in(guarded_shop.hold(ware, key=key, **alice), 429, "too_many_holds")
    assert guarded_shop.confirm(first, **alice).status_code == 200
    answer = guarded_shop.hold(ware, key=key, **alice)
    assert (answer.status_code, is_replayed(answer)) == (201, False)


def test_a_repeated_key_answers_as_first_though_its_caller_holds_too_much(
    guarded_shop: System, alice: dict[str, Any], ware: str, key: str
) -> None:
    first = guarded_shop.hold(ware, key=key, **alice)
    held(guarded_shop, ware, **alice)
    again = guarded_shop.hold(ware, key=key, **alice)
    assert (again.status_code, is_replayed(again)) == (201, True)
    assert again.content == first.content
    other = guarded_shop.hold(ware, 901, key=key, **alice)
    problem_in(other, 422, "key_reused")


def test_requests_of_the_same_moment_hold_no_more_than_one_caller_may(
    guarded_shop: System, alice: dict[str, Any], ware: str
) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: guarded_shop.hold(ware, **alice), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [429] * 6
    assert guarded_shop.stock(ware) == 8


def test_without_tokens_nobody_counts_the_holds(shop: System) -> None:
    item = shop.add_item(stock=10)
    for _ in range(5):
        held(shop, item)
