"""Many orders at once, through several processes: nothing is oversold, nothing is lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.e2e.answers import problem_in
from tests.e2e.conftest import PATIENT
from tests.misbehaving import HANG_BEFORE, MisbehavingInventory
from tests.system import Asked, Parts, System, lines_of
from tests.waiting import until

both = pytest.mark.parametrize("running", ["system", "conditional_pair"])


@pytest.fixture
def shop(request: pytest.FixtureRequest, running: str) -> System:
    """Two API instances, over either contract."""
    system: System = request.getfixturevalue(running)
    return system


@pytest.fixture(scope="module")
def conditional_pair(
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    settings = PATIENT | {"INVENTORY_CONTRACT": "conditional"}
    logs = tmp_path_factory.mktemp("conditional-pair")
    parts = Parts(mongo, kafka, inventory)
    with System(parts, logs, settings, api_processes=2) as system:
        yield system


@both
def test_200_orders_at_once_on_a_stock_of_100_sell_exactly_100(shop: System) -> None:
    item = shop.add_item(stock=100, price="0.10")
    assert_100_are_sold(shop, [item], shop.create_at_once([item] * 200))


@both
def test_200_baskets_of_the_same_two_items_at_once_sell_exactly_the_100_that_there_are(
    shop: System,
) -> None:
    x, y = (shop.add_item(stock=100, price="0.10") for _ in range(2))
    # As many of either order of lines at each instance.
    orders = [{x: 1, y: 1}, {x: 1, y: 1}, {y: 1, x: 1}, {y: 1, x: 1}] * 50
    answers = shop.create_at_once(orders)
    tell_slowest("200 baskets at once", answers)
    assert_100_are_sold(shop, [x, y], answers)


def assert_100_are_sold(
    system: System, items: Sequence[str], answers: Sequence[requests.Response]
) -> None:
    assert Counter(answer.status_code for answer in answers) == {201: 100, 400: 100}
    for answer in answers:
        if answer.status_code == 400:
            short = problem_in(answer, 400, "insufficient_stock")["items"]
            assert short
            assert all((each["requested"], each["available"]) == (1, 0) for each in short)
    assert [system.stock(item) for item in items] == [0] * len(items)
    stored = system.orders(items[0])
    assert Counter(order["status"] for order in stored) == {"COMPLETED": 100, "FAILED": 100}
    acknowledged = {a.json()["order"]["_id"] for a in answers if a.status_code == 201}
    assert acknowledged == {str(o["_id"]) for o in stored if o["status"] == "COMPLETED"}
    for item in items:
        assert not any(entry["contradictory"] for entry in whole_log(system, item, 100))


def whole_log(system: System, item: str, sold: int) -> list[dict[str, Any]]:
    """One overwrite may have served several orders, but what they took adds up."""

    def logged() -> list[dict[str, Any]]:
        entries = system.stock_changes(item)
        gone = sum(entry["previousStock"] - entry["newStock"] for entry in entries)
        return entries if gone == sold else []

    return until(logged, "the log of every unit")


def tell_slowest(what: str, answers: Sequence[requests.Response]) -> None:
    slowest = max(answer.elapsed.total_seconds() for answer in answers)
    print(f"{what}: the slowest answer took {slowest:.2f} s")


@both
def test_baskets_that_form_a_ring_of_ten_items_are_all_served(shop: System) -> None:
    items = [shop.add_item(stock=100) for _ in range(10)]
    ring = [{item: 1, items[n - 1]: 1} for n, item in enumerate(items)]
    answers = shop.create_at_once([basket for basket in ring for _ in range(10)])
    tell_slowest("a ring of 100 baskets over ten items", answers)
    assert Counter(answer.status_code for answer in answers) == {201: 100}
    assert [shop.stock(item) for item in items] == [80] * 10
    for order in shop.orders(items[0]):
        assert all("taken" in line for line in lines_of(order))


def test_orders_of_many_items_do_not_wait_for_each_other(system: System) -> None:
    items = [system.add_item(stock=5) for _ in range(8)]
    assert [system.create(item, 5).status_code for item in items] == [201] * 8
    assert [system.stock(item) for item in items] == [0] * 8


# --- what the inventory gets to see


@pytest.fixture(params=["absolute", "conditional"])
def watched(
    request: pytest.FixtureRequest,
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path: Path,
) -> Iterator[System]:
    """One API instance, and an inventory behind a proxy."""
    settings = {
        "INVENTORY_CONTRACT": request.param,
        "INVENTORY_READ_TIMEOUT": "1",
        "REQUEST_DEADLINE": "6",
    }
    with MisbehavingInventory(inventory.url) as proxy:
        parts = Parts(mongo, kafka, proxy)
        with System(parts, tmp_path, settings, workers=0) as system:
            yield system


def proxy_of(system: System) -> MisbehavingInventory:
    assert isinstance(system.parts.inventory, MisbehavingInventory)
    return system.parts.inventory


@pytest.mark.parametrize("watched", ["absolute"], indirect=True)
def test_baskets_that_are_short_of_one_line_cause_no_overwrite(watched: System) -> None:
    x, y, scarce = (watched.add_item(stock=100) for _ in range(3))
    orders: list[Asked] = [{x: 1, y: 1, scarce: 101}, {scarce: 101, x: 2}] * 20
    for answer in watched.create_at_once(orders):
        [short] = problem_in(answer, 400, "insufficient_stock")["items"]
        assert short == {"itemId": scarce, "requested": 101, "available": 100}
    assert not [each for each in proxy_of(watched).requests if each.startswith("PATCH")]
    assert watched.create({x: 1, y: 1, scarce: 100}).status_code == 201
    written = [each for each in proxy_of(watched).requests if each.startswith("PATCH")]
    assert len(written) == 3


def test_an_item_whose_inventory_hangs_holds_up_no_order_of_other_items(watched: System) -> None:
    first, hanging, *more = (watched.add_item(stock=1000) for _ in range(4))
    others = [first, *more]
    proxy_of(watched).misbehave(HANG_BEFORE, path=hanging)

    def keep_coming(other: str) -> set[int]:
        return {watched.create({hanging: 1, other: 1}).status_code for _ in range(2)}

    with ThreadPoolExecutor(len(others)) as clients:
        held_up = [clients.submit(keep_coming, other) for other in others]
        until(lambda: any(hanging in each for each in proxy_of(watched).requests), "a hanging call")
        while not all(each.done() for each in held_up):
            orders: list[Asked] = [*others, dict.fromkeys(others, 1)]
            assert [watched.create(asked).status_code for asked in orders] == [201] * len(orders)
    assert set().union(*(each.result() for each in held_up)) <= {202, 503}
