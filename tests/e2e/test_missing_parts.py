"""The running system while a part of it is away, in trouble, or killed.

Its store, its broker and its inventory are its own, so that nobody else misses them.
"""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from devstack.processes import ManagedProcess
from tests.e2e.answers import order_in, problem_in
from tests.faults.order_events import published
from tests.misbehaving import (
    CUT_BEFORE,
    ERROR_BEFORE,
    HANG_AFTER,
    HANG_BEFORE,
    RUBBISH,
    Fault,
    MisbehavingInventory,
)
from tests.system import Parts, System
from tests.waiting import until

STORE_TIMEOUT = 1.5
SETTINGS = {
    "STORE_TIMEOUT": str(STORE_TIMEOUT),
    "REQUEST_DEADLINE": "3",
    "SETTLE_AFTER": "3",
    "SETTLE_INTERVAL": "0.2",
    "INVENTORY_CONNECT_TIMEOUT": "0.5",
    "INVENTORY_READ_TIMEOUT": "1",
    "LEASE_SECONDS": "3",
    "BREAKER_RESET": "0.5",
    # So that the broker is found soon after it is back.
    "KAFKA_RECONNECT_BACKOFF_MAX_MS": "200",
    "KAFKA_PRODUCER_RETRY_BACKOFF_MAX_MS": "200",
}
READY_TIMEOUT = 2.0
# What a busy machine may take on top.
SLACK = 3.0


@dataclass
class Fragile:
    system: System
    mongo: Mongod
    kafka: KafkaBroker
    proxy: MisbehavingInventory

    def await_service(self) -> None:
        """Until an order goes through again: the breaker is closed, the store is back."""
        item = self.system.add_item(stock=1000)
        until(lambda: self.system.create(item).status_code == 201, "an order goes through", 20)


@pytest.fixture(scope="module")
def _fragile(mongo: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fragile]:
    folder = tmp_path_factory.mktemp("fragile")
    with (
        Mongod(folder / "mongo") as own_mongo,
        KafkaBroker(folder / "kafka") as kafka,
        # Its items stay when the orders' store goes.
        SampleInventory(
            mongo.uri, kafka.bootstrap, database="fragile", log_path=folder / "inventory.log"
        ) as inventory,
        MisbehavingInventory(inventory.url) as proxy,
        System(Parts(own_mongo, kafka, proxy), folder, SETTINGS) as system,
    ):
        fragile = Fragile(system, own_mongo, kafka, proxy)
        fragile.await_service()
        yield fragile


@pytest.fixture
def fragile(_fragile: Fragile) -> Fragile:
    """Whole at the start of each test."""
    _fragile.system.revive()
    if _fragile.proxy.behave():
        _fragile.await_service()
    return _fragile


@pytest.fixture
def system(fragile: Fragile) -> System:
    return fragile.system


@pytest.fixture
def proxy(fragile: Fragile) -> MisbehavingInventory:
    return fragile.proxy


# --- the inventory


def assert_nothing_sold(system: System, item: str) -> None:
    assert system.stock(item) == 10
    assert "COMPLETED" not in {order["status"] for order in system.orders(item)}


def unavailable(answer: requests.Response, code: str) -> None:
    problem_in(answer, 503, code)
    assert int(answer.headers["Retry-After"]) >= 1


def test_an_inventory_that_refuses_connections_is_503_and_nothing_is_sold(
    system: System, proxy: MisbehavingInventory
) -> None:
    item = system.add_item(stock=10)
    proxy.refuse()
    for _ in range(3):
        unavailable(system.create(item), "inventory_unavailable")
    assert_nothing_sold(system, item)


def test_a_failing_inventory_is_shed_and_taken_back_without_a_restart(
    fragile: Fragile, system: System, proxy: MisbehavingInventory
) -> None:
    item = system.add_item(stock=10)
    proxy.refuse()
    for _ in range(40):
        unavailable(system.create(item), "inventory_unavailable")
    # The breakers, one in each process, turned away what came later before it was stored.
    assert 10 <= len(system.orders(item)) < 40
    proxy.accept()
    fragile.await_service()
    assert_nothing_sold(system, item)


@pytest.mark.parametrize("fault", [*RUBBISH, ERROR_BEFORE], ids=str)
def test_an_inventory_that_talks_rubbish_is_503_and_nothing_is_sold(
    fault: Fault, system: System, proxy: MisbehavingInventory
) -> None:
    item = system.add_item(stock=10)
    proxy.misbehave(fault, path=item)
    unavailable(system.create(item), "inventory_unavailable")
    assert_nothing_sold(system, item)


def test_a_503_frees_the_idempotency_key_for_a_fresh_start(
    fragile: Fragile, system: System, proxy: MisbehavingInventory
) -> None:
    item, key = system.add_item(stock=10), uuid4().hex
    proxy.misbehave(ERROR_BEFORE, path=item)
    unavailable(system.create(item, 1, key), "inventory_unavailable")
    proxy.behave()
    fragile.await_service()
    fresh = system.create(item, 1, key)
    assert fresh.status_code == 201
    assert "Idempotent-Replayed" not in fresh.headers
    assert system.stock(item) == 9


def test_a_deduction_whose_outcome_is_not_known_is_202_and_settled_later(
    system: System, proxy: MisbehavingInventory
) -> None:
    item, key = system.add_item(stock=10, price="2.50"), uuid4().hex
    proxy.misbehave(CUT_BEFORE, method="PATCH", path=item)
    began = time.monotonic()
    accepted = system.create(item, 2, key)
    assert time.monotonic() - began < 3 + SLACK
    assert accepted.status_code == 202
    order = order_in(accepted)
    assert (order["status"], order["totalPrice"]) == ("PENDING", None)
    assert accepted.headers["Location"] == f"/api/orders/{order['_id']}"
    assert order_in(system.get(order["_id"]))["status"] == "PENDING"
    proxy.behave()
    system.await_orders(item, {"COMPLETED": 1})
    assert system.stock(item) == 8
    # A repeat answers with the order as it is now.
    again = system.create(item, 2, key)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert (order_in(again)["status"], order_in(again)["totalPrice"]) == ("COMPLETED", 5)


def test_an_idempotency_key_whose_first_request_is_on_its_way_is_409(
    system: System, proxy: MisbehavingInventory
) -> None:
    item, key = system.add_item(stock=10), uuid4().hex
    proxy.misbehave(HANG_BEFORE, method="GET", path=item)
    with ThreadPoolExecutor(1) as client:
        first = client.submit(system.create, item, 1, key)
        until(lambda: len(system.orders(item)) == 1, "the first is on its way")
        second = system.create(item, 1, key)
        problem_in(second, 409, "key_in_flight")
        assert int(second.headers["Retry-After"]) >= 1
        proxy.behave()
        assert first.result().status_code in (201, 503)


def test_a_cancellation_is_202_while_the_inventory_is_away_and_carried_out_later(
    system: System, proxy: MisbehavingInventory
) -> None:
    item = system.add_item(stock=10)
    order_id = order_in(system.create(item, 4))["_id"]
    proxy.misbehave(CUT_BEFORE, method="PATCH", path=item)
    accepted = system.cancel(order_id)
    assert accepted.status_code == 202
    assert order_in(accepted)["status"] == "COMPLETED"
    proxy.behave()
    system.await_orders(item, {"CANCELLED": 1})
    assert system.stock(item) == 10


# --- the API, killed


def test_orders_that_a_killed_api_left_behind_are_settled(
    fragile: Fragile, system: System, proxy: MisbehavingInventory
) -> None:
    applied, unsent, unapplied = (system.add_item(stock=10) for _ in range(3))
    keys = {item: uuid4().hex for item in (applied, unsent, unapplied)}
    proxy.misbehave(HANG_AFTER, method="PATCH", path=applied)
    proxy.misbehave(HANG_BEFORE, method="GET", path=unsent)
    proxy.misbehave(HANG_BEFORE, method="PATCH", path=unapplied)
    with ThreadPoolExecutor(3) as clients:
        sent = [clients.submit(system.create, item, 3, keys[item]) for item in keys]
        for item, method in ((applied, "PATCH"), (unsent, "GET"), (unapplied, "PATCH")):
            until(lambda i=item, m=method: asked(proxy, m, i), f"{method} is on its way")  # type: ignore[misc]
        until(lambda: system.stock(applied) == 7, "the overwrite is applied")
        system.api[0].kill()
        for each in sent:
            assert isinstance(each.exception(), requests.ConnectionError)
    proxy.behave()
    system.revive()

    [taken] = system.await_orders(applied, {"COMPLETED": 1})
    system.await_orders(unsent, {"FAILED": 1})
    system.await_orders(unapplied, {"COMPLETED": 1})
    assert [system.stock(item) for item in keys] == [7, 10, 7]

    # Settled for good, they are replayed; what never began begins afresh.
    again = system.create(applied, 3, keys[applied])
    assert order_in(again)["_id"] == str(taken["_id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert system.create(unsent, 3, keys[unsent]).status_code == 201
    assert [system.stock(item) for item in keys] == [7, 7, 7]


def asked(proxy: MisbehavingInventory, method: str, item: str) -> bool:
    return any(each.startswith(method) and each.endswith(item) for each in proxy.requests)


# --- the store


@contextmanager
def away(part: Mongod | KafkaBroker) -> Iterator[None]:
    part.kill()
    try:
        yield
    finally:
        part.start()


def test_an_api_without_its_store_is_503_in_time_and_serves_again_without_a_restart(
    fragile: Fragile, system: System
) -> None:
    item = system.add_item(stock=10)
    order_id = order_in(system.create(item))["_id"]
    processes = [system.api[0].pid, system.worker[0].pid]
    with away(fragile.mongo):
        with ThreadPoolExecutor(4) as clients:
            began = time.monotonic()
            answers = [
                clients.submit(system.create, item),
                clients.submit(system.create, item, 1, uuid4().hex),
                clients.submit(system.get, order_id),
                clients.submit(system.cancel, order_id),
            ]
            for answer in answers:
                unavailable(answer.result(), "store_unavailable")
            assert time.monotonic() - began < STORE_TIMEOUT + SLACK
        ready = system.request("GET", "/health/ready")
        assert ready.status_code == 503
        store = ready.json()["dependencies"]["store"]
        assert store["status"] == "unavailable"
        assert datetime.fromisoformat(store["since"]) <= datetime.now(UTC)
        assert system.request("GET", "/health/live").status_code == 200
        assert system.stock(item) == 9
    fragile.await_service()
    assert system.create(item).status_code == 201
    assert system.stock(item) == 8
    entries = until(lambda: whole_log(system, item, 2), "the log goes on", timeout=20)
    assert [entry["newStock"] for entry in entries] == [8, 9]
    assert [system.api[0].pid, system.worker[0].pid] == processes


def whole_log(system: System, item: str, number: int) -> list[dict[str, object]]:
    entries = system.stock_changes(item)
    return entries if len(entries) >= number else []


# --- the broker


def test_orders_go_on_without_a_broker_and_their_events_are_published_later(
    fragile: Fragile, system: System
) -> None:
    item = system.add_item(stock=10)
    with away(fragile.kafka):
        created = system.create(item, 2)
        assert created.status_code == 201
        assert system.stock(item) == 8
        assert system.request("GET", "/health/ready").status_code == 200
        [waiting] = system.orders(item)
        assert [event["type"] for event in waiting["outbox"]] == ["ORDER_CREATED"]
    until(lambda: not system.orders(item)[0].get("outbox"), "the event is published", timeout=30)
    assert order_in(created)["_id"] in published(fragile.kafka.bootstrap, "order-events")


def test_the_status_is_200_in_time_while_the_store_hangs_and_whole_when_it_goes_on(
    fragile: Fragile, system: System
) -> None:
    def status() -> Any:
        answer = system.request("GET", "/api/status")
        assert answer.status_code == 200
        return answer.json()

    until(lambda: status()["workers"], "a worker", 20)
    fragile.mongo.process.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(8) as clients:
            began = time.monotonic()
            answers = [clients.submit(status) for _ in range(8)]
            for answer in answers:
                found = answer.result()
                assert (found["workers"], found["backlog"]) == (None, None)
                assert found["dependencies"]["store"]["status"] == "unavailable"
            assert time.monotonic() - began < READY_TIMEOUT + SLACK
    finally:
        fragile.mongo.process.signal(signal.SIGCONT)
    fragile.await_service()
    until(lambda: status()["backlog"] and status()["workers"][0]["alive"], "all of it", 20)


# --- the log


def lines_of(process: ManagedProcess) -> list[dict[str, Any]]:
    """The service's own lines since the last start; gunicorn's are no JSON."""
    return [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]


def told(process: ManagedProcess) -> Counter[str]:
    return Counter(line["event"] for line in lines_of(process))


def ask(system: System, item: str) -> bool:
    """Of each process of the API, and of what it needs."""
    with ThreadPoolExecutor(8) as clients:
        for each in range(8):
            path = "/api/orders?limit=1"
            clients.submit(system.request, "GET", path) if each % 2 else clients.submit(
                system.create, item
            )
    return True


def test_each_process_tells_once_what_it_is_and_once_of_each_part_that_goes_and_is_back(
    fragile: Fragile, system: System, proxy: MisbehavingInventory
) -> None:
    api, worker = system.api[0], system.worker[0]
    for process in (api, worker):
        process.kill()
    system.revive()
    item = system.add_item(stock=1000)
    # The worker asks the inventory when the hold is over.
    assert system.hold(item, seconds=2).status_code == 201
    proxy.refuse()
    of_worker = ("inventory_unavailable", "store_unavailable", "kafka_connection_troubled")
    of_api = ("inventory_unavailable", "inventory_breaker_open", "store_unavailable")

    def all_told(end: str = "", but: str = "") -> bool:
        told_by_api, told_by_worker = told(api), told(worker)
        return (
            ask(system, item)
            and all(told_by_api[each + end] == 2 for each in of_api if each != but)
            and all(told_by_worker[each + end] == 1 for each in of_worker[: 1 if but else 3])
        )

    until(lambda: all_told(but="store_unavailable"), "the inventory is missed", 30)
    with away(fragile.mongo), away(fragile.kafka):
        until(all_told, "each part is missed", 30)
    proxy.accept()
    until(lambda: all_told("_over"), "each part is back", 40)

    both = [f"{each}{end}" for each in of_api for end in ("", "_over")]
    told_by_api = told(api)
    del told_by_api["request"]
    assert told_by_api == {**dict.fromkeys(both, 2), "api_started": 1, "open_to_everybody": 1}
    told_by_worker = told(worker)
    for each in of_worker:
        assert (told_by_worker[each], told_by_worker[f"{each}_over"]) == (1, 1)
    assert told_by_worker["worker_started"] == told_by_worker["order_expired"] == 1
    assert "chore_failed" not in told_by_worker
    lines = [*lines_of(api), *lines_of(worker)]
    causes = {line["event"]: line["cause"] for line in lines if "cause" in line}
    assert causes["inventory_unavailable"] == "connection refused"
    assert causes["store_unavailable"] in ("connection refused", "connection closed")
    assert "is Kafka up" in causes["kafka_connection_troubled"]
    refused = [line for line in lines if line.get("status") == 503]
    assert {line["code"] for line in refused} == {"inventory_unavailable", "store_unavailable"}


# --- the end


def test_processes_that_are_asked_to_end_finish_what_they_have_in_hand(
    fragile: Fragile, system: System, proxy: MisbehavingInventory
) -> None:
    item = system.add_item(stock=10)
    proxy.misbehave(HANG_BEFORE, method="GET", path=item, times=1)
    api, worker = system.api[0], system.worker[0]
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(system.create, item)
        until(lambda: asked(proxy, "GET", item), "it is on its way")
        api.terminate()
        worker.terminate()
        assert answer.result().status_code == 201
    for process in (api, worker):
        until(lambda p=process: not p.alive, f"{process.name} ends", timeout=20)  # type: ignore[misc]
        assert process.exit_code == 0
    assert system.stock(item) == 9
