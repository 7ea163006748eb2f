"""Cancelling an order, as a client sees it."""

from concurrent.futures import ThreadPoolExecutor

import requests

from tests.e2e.answers import order_in, problem_in
from tests.system import System

NOBODY = "0" * 24


def bought(system: System, item: str, quantity: int = 4) -> requests.Response:
    created = system.create(item, quantity)
    assert created.status_code == 201
    return created


def test_a_cancelled_order_gives_its_stock_back(either: System) -> None:
    item = either.add_item(stock=10)
    order = order_in(bought(either, item))
    cancelled = either.cancel(order["_id"])
    assert cancelled.status_code == 200
    shown = order_in(cancelled)
    assert shown == order | {"status": "CANCELLED", "updatedAt": shown["updatedAt"]}
    assert shown["updatedAt"] >= order["updatedAt"]
    assert order_in(either.get(order["_id"])) == shown
    assert either.stock(item) == 10


def test_cancelling_an_order_again_changes_nothing(either: System) -> None:
    item = either.add_item(stock=10)
    order_id = order_in(bought(either, item))["_id"]
    first, again = either.cancel(order_id), either.cancel(order_id, url=either.urls[-1])
    assert again.status_code == 200
    assert again.json() == first.json()
    assert either.stock(item) == 10


def test_cancelling_an_order_20_times_at_once_gives_each_line_back_once(either: System) -> None:
    items = [either.add_item(stock=10) for _ in range(3)]
    created = either.create(dict.fromkeys(items, 4))
    assert [either.stock(item) for item in items] == [6] * 3
    order_id = order_in(created)["_id"]
    with ThreadPoolExecutor(20) as clients:
        answers = list(
            clients.map(
                lambda n: either.cancel(order_id, either.urls[n % len(either.urls)]), range(20)
            )
        )
    assert [answer.status_code for answer in answers] == [200] * 20
    assert [either.stock(item) for item in items] == [10] * 3


def test_an_order_that_is_not_there_cannot_be_cancelled(system: System) -> None:
    for order_id in (NOBODY, "nonsense"):
        problem_in(system.cancel(order_id), 404, "order_not_found")


def test_an_order_that_failed_cannot_be_cancelled(system: System) -> None:
    item = system.add_item(stock=1)
    system.create(item, 2)
    [failed] = system.orders(item)
    problem_in(system.cancel(str(failed["_id"])), 409, "illegal_move")
    assert system.stock(item) == 1


def test_a_cancellation_with_if_match_cancels_that_version_alone(system: System) -> None:
    item = system.add_item(stock=10)
    created = bought(system, item)
    order_id = order_in(created)["_id"]
    for other in ('"999"', '"nonsense"'):
        answer = system.cancel(order_id, headers={"If-Match": other})
        problem_in(answer, 412, "precondition_failed")
    assert system.stock(item) == 6
    named = system.cancel(order_id, headers={"If-Match": created.headers["ETag"]})
    assert named.status_code == 200
    assert system.stock(item) == 10


def test_a_cancellation_with_if_match_star_cancels_any_version(system: System) -> None:
    item = system.add_item(stock=10)
    order_id = order_in(bought(system, item))["_id"]
    assert system.cancel(order_id, headers={"If-Match": "*"}).status_code == 200
