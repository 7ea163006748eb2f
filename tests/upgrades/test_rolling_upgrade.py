"""The last release and this build side by side, on one store and in one consumer group, while
customers buy: to this build and back again.

0.2.0 can't read an order of several lines, nor an order that is held. Such orders are made only
while every process is of this build, and are settled before 0.2.0 comes back. 0.2.0 also loses
requests when it stops behind a proxy, so the proxy is turned away from each of its instances first.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from devstack.processes import ManagedProcess
from tests.faults.order_events import records
from tests.proxy import Proxy
from tests.system import CHECKOUT, Parts, System, run_from
from tests.upgrades import released
from tests.upgrades.customers import Customers
from tests.waiting import until

STOCK = 100_000
# Two builds start on a machine that is busy with customers.
PATIENT = {"REQUEST_DEADLINE": "20", "SETTLE_AFTER": "25"}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released.unpacked(tmp_path_factory.mktemp("release") / released.NAME)


@pytest.fixture
def system(
    release: Path, mongo: Mongod, kafka: KafkaBroker, inventory: SampleInventory, tmp_path: Path
) -> Iterator[System]:
    """Two instances of the API and two workers, all of the last release."""
    settings = PATIENT | {"KAFKA_ORDER_TOPIC": f"order-events-{uuid4().hex[:12]}"}
    parts = Parts(mongo, kafka, inventory)
    system = System(parts, tmp_path, settings, api_processes=2, workers=2)
    for process in (*system.api, *system.worker):
        run_from(release, process)
    system.migrate(release)
    try:
        system.revive()
        yield system
    finally:
        system.stop()


def test_an_upgrade_from_the_last_release_and_back_fails_no_request_and_loses_no_order(
    system: System, release: Path, tmp_path: Path
) -> None:
    items = [system.add_item(STOCK) for _ in range(8)]
    assert not any(is_of_this_build(system, url) for url in system.urls)
    with Proxy(system.urls, tmp_path / "nginx") as proxy:
        before = Customers(proxy.url, items, keep=False)
        with before.at_work():
            before.buy()
            system.migrate()
            for number in range(2):
                proxy.turn_to([url for url in system.urls if url != system.urls[number]])
                replace_api(system, number, CHECKOUT)
                proxy.turn_to(system.urls)
                before.buy()
            for number in range(2):
                replace_worker(system, number, CHECKOUT)
                before.buy()
        assert all(is_of_this_build(system, url) for url in system.urls)
        told = buy_what_the_release_cannot_read(system, proxy.url, items)
        back = Customers(proxy.url, items)
        with back.at_work():
            back.buy()
            for number in range(2):
                replace_api(system, number, release)
                back.buy()
            for number in range(2):
                replace_worker(system, number, release)
                back.buy()
        assert not any(is_of_this_build(system, url) for url in system.urls)
    assert before.failed + back.failed == []
    acknowledged = before.orders | back.orders
    await_published(system)
    assert {
        order["idempotency"]["key"]: str(order["_id"])
        for order in system.orders()
        if order["status"] == "COMPLETED" and str(order["_id"]) not in told
    } == acknowledged
    assert sum(STOCK - system.stock(item) for item in items) == len(acknowledged) + 3
    assert events(system) == Counter(
        [f"{order_id}-ORDER_CREATED" for order_id in (*acknowledged.values(), *told)]
        + [f"{told[-1]}-ORDER_RESERVED"]
    )
    for item in items:
        check_log(system, item)


def is_of_this_build(system: System, url: str) -> bool:
    paths = system.request("GET", "/openapi.json", url=url).json()["paths"]
    return any(path.endswith("/confirm") for path in paths)


def replace_api(system: System, number: int, build: Path) -> None:
    replace(system.api[number], build)
    system.await_api(number)


def replace_worker(system: System, number: int, build: Path) -> None:
    replace(system.worker[number], build)
    system.await_worker(number)


def replace(process: ManagedProcess, build: Path) -> None:
    process.terminate()
    until(lambda: not process.alive, f"the end of {process.name}", 40)
    assert process.exit_code == 0
    run_from(build, process)
    process.start()


def buy_what_the_release_cannot_read(system: System, url: str, items: list[str]) -> list[str]:
    """An order of two items, and one that was held and is sold; their ids."""
    basket = system.create_basket({items[0]: 1, items[1]: 1}, uuid4().hex, url)
    held = system.hold(items[2], key=uuid4().hex, url=url)
    assert (basket.status_code, held.status_code) == (201, 201)
    found = [each.json()["order"]["_id"] for each in (basket, held)]
    assert system.confirm(found[1], url=url).status_code == 200
    await_published(system)
    return found


def await_published(system: System) -> None:
    orders = system.database["orders"]
    until(lambda: orders.count_documents({"outbox.0": {"$exists": True}}) == 0, "each event", 30)


def events(system: System) -> Counter[str]:
    """How often each is in the topic. Their form is the release's or this build's."""
    topic = system.settings["KAFKA_ORDER_TOPIC"]
    found = records(system.parts.bootstrap, topic)
    return Counter(json.loads(each.value() or b"")["eventId"] for each in found)


def check_log(system: System, item: str) -> None:
    """Every change of the stock is there once: from the first stock each leads to the next."""
    entries = until(lambda: whole_log(system, item), "the whole log", 30)
    assert len(entries) == len(set(entries))


def whole_log(system: System, item: str) -> list[tuple[int, int]]:
    """What each change made of which stock; nothing until the last change is there."""
    entries = [(each["previousStock"], each["newStock"]) for each in system.stock_changes(item)]
    leads_to, stock = dict(entries), STOCK
    while stock in leads_to:
        stock = leads_to[stock]
    return entries if stock == system.stock(item) else []
