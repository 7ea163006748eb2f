"""Orders that are held until they are paid, over the whole stack: API, worker, and what they stand
on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.e2e.answers import order_in, problem_in
from tests.misbehaving import MisbehavingInventory
from tests.published_events import read
from tests.system import Parts, System
from tests.waiting import until

TOPIC = "order-events"
OPEN_TO_ALL = ("caller", None)


@pytest.fixture(scope="module")
def order_events(kafka: KafkaBroker, system: System) -> Iterator[Consumer]:
    """At the topic's beginning, which is there once an order was sold."""
    assert system.create(system.add_item(stock=1)).status_code == 201
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": "none", "enable.auto.commit": False}
    )

    def partitions() -> list[int]:
        return list(
            consumer.list_topics("order-events", timeout=10).topics["order-events"].partitions
        )

    found = until(partitions, "the topic", 20)
    consumer.assign([TopicPartition("order-events", each, 0) for each in found])
    yield consumer
    consumer.close()


def await_events(consumer: Consumer, order_id: str, last: str) -> list[tuple[str, int, str]]:
    """The name, sequence and status of each event of the order, up to the one named ``last``."""
    seen: list[tuple[str, int, str]] = []

    def is_told() -> bool:
        for message in consumer.consume(500, 0.1):
            if message.error() is None and message.key() == order_id.encode():
                event = read(message)
                seen.append((event["event"], event["sequence"], event["status"]))
        return bool(seen) and seen[-1][0] == last

    until(is_told, f"{last} of order {order_id}", 20)
    return seen


def held(system: System, item: str) -> str:
    """The id of a new order that holds three."""
    order = order_in(system.hold(item, 900, quantity=3))
    assert order["status"] == "RESERVED"
    return str(order["_id"])


def told(system: System, order_id: str) -> list[tuple[str, str, tuple[str, str | None]]]:
    """Event, status and actor of each entry of the order's history."""
    history = system.history(order_id).json()["history"]
    return [(each["event"], each["status"], (each["actor"], each["by"])) for each in history]


# --- what becomes of a hold


def test_a_held_order_is_sold_once_it_is_confirmed(either: System, order_events: Consumer) -> None:
    item = either.add_item(stock=10)
    order_id = held(either, item)
    assert either.stock(item) == 7
    confirmed = either.confirm(order_id, url=either.urls[-1])
    assert (confirmed.status_code, order_in(confirmed)["status"]) == (200, "COMPLETED")
    assert await_events(order_events, order_id, "ORDER_CREATED") == [
        ("ORDER_RESERVED", 1, "RESERVED"),
        ("ORDER_CREATED", 2, "COMPLETED"),
    ]
    assert either.stock(item) == 7


def test_a_hold_that_nobody_confirms_expires_and_every_line_is_given_back(
    either: System, order_events: Consumer
) -> None:
    items = [either.add_item(stock=10) for _ in range(2)]
    order = order_in(either.create_basket({items[0]: 3, items[1]: 1}, holdSeconds=900))
    assert [either.stock(item) for item in items] == [7, 9]
    assert either.extend(order["_id"], 1).status_code == 200
    either.await_orders(items[0], {"EXPIRED": 1})
    assert [either.stock(item) for item in items] == [10, 10]
    problem = problem_in(either.confirm(order["_id"]), 409, "hold_expired")
    assert problem["orderStatus"] == "EXPIRED"
    assert await_events(order_events, order["_id"], "ORDER_EXPIRED") == [
        ("ORDER_RESERVED", 1, "RESERVED"),
        ("ORDER_EXPIRED", 2, "EXPIRED"),
    ]
    assert told(either, order["_id"])[-2:] == [
        ("ORDER_EXPIRY_RECORDED", "RESERVED", ("expiry", "expiry")),
        ("ORDER_EXPIRED", "EXPIRED", ("expiry", "expiry")),
    ]
    assert [either.stock(item) for item in items] == [10, 10]


def test_a_held_order_that_is_cancelled_gives_its_stock_back_and_is_never_sold(
    either: System, order_events: Consumer
) -> None:
    item = either.add_item(stock=10)
    order_id = held(either, item)
    cancelled = either.cancel(order_id)
    assert (cancelled.status_code, order_in(cancelled)["status"]) == (200, "CANCELLED")
    assert either.stock(item) == 10
    problem_in(either.confirm(order_id), 409, "hold_cancelled")
    assert await_events(order_events, order_id, "ORDER_CANCELLED") == [
        ("ORDER_RESERVED", 1, "RESERVED"),
        ("ORDER_CANCELLED", 2, "CANCELLED"),
    ]


# --- its history


def test_the_history_names_the_record_of_each_change_of_stock(either: System) -> None:
    item = either.add_item(stock=10)
    order_id = held(either, item)
    assert either.confirm(order_id).status_code == 200
    assert either.cancel(order_id).status_code == 200
    back, taken = until(lambda: two_of(either.stock_changes(item)), "both are logged", 20)
    assert told(either, order_id) == [
        ("ORDER_PLACED", "PENDING", OPEN_TO_ALL),
        ("ORDER_RESERVED", "RESERVED", OPEN_TO_ALL),
        ("ORDER_CREATED", "COMPLETED", OPEN_TO_ALL),
        ("ORDER_CANCEL_REQUESTED", "COMPLETED", OPEN_TO_ALL),
        ("ORDER_CANCELLED", "CANCELLED", OPEN_TO_ALL),
    ]
    history = either.history(order_id).json()["history"]
    for number, change in ((1, taken), (4, back)):
        [move] = history[number]["evidence"]["stock"]
        names = ("itemId", "previousStock", "newStock", "source")
        assert {name: move[name] for name in names} == {name: change[name] for name in names}
    assert not any("stock" in history[number]["evidence"] for number in (0, 2, 3))


def two_of(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return entries if len(entries) == 2 else []


# --- while the inventory is away


@dataclass
class Shop:
    system: System
    proxy: MisbehavingInventory

    def overdue(self) -> int:
        """How many holds are over, as the worker's metrics say."""
        metrics = self.system.request("GET", "/metrics", url=self.system.worker_urls[0]).text
        name = "order_service_holds_overdue "
        [value] = [each for each in metrics.splitlines() if each.startswith(name)]
        return int(float(value.removeprefix(name)))


@pytest.fixture(scope="module")
def _shop(
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    settings = {"WEB_WORKERS": "1", "BREAKER_RESET": "0.5"}
    with (
        MisbehavingInventory(inventory.url) as proxy,
        System(Parts(mongo, kafka, proxy), tmp_path_factory.mktemp("shop"), settings) as system,
    ):
        yield Shop(system, proxy)


@pytest.fixture
def shop(_shop: Shop) -> Iterator[Shop]:
    """Its inventory is there again afterwards."""
    yield _shop
    _shop.proxy.behave()


def test_a_held_order_is_extended_and_confirmed_while_the_inventory_is_away(shop: Shop) -> None:
    item = shop.system.add_item(stock=10)
    order_id = held(shop.system, item)
    shop.proxy.refuse()
    assert shop.system.extend(order_id, 60).status_code == 200
    confirmed = shop.system.confirm(order_id)
    assert (confirmed.status_code, order_in(confirmed)["status"]) == (200, "COMPLETED")
    assert shop.system.stock(item) == 7


def test_holds_that_are_over_stay_while_the_inventory_is_away_and_expire_afterwards(
    shop: Shop,
) -> None:
    item = shop.system.add_item(stock=10)
    paid_late, abandoned = (held(shop.system, item) for _ in range(2))
    shop.proxy.refuse()
    for order_id in (paid_late, abandoned):
        assert shop.system.extend(order_id, 1).status_code == 200
    until(lambda: shop.overdue() == 2, "both holds are over", 20)
    assert order_in(shop.system.confirm(paid_late))["status"] == "COMPLETED"
    assert shop.overdue() == 1
    shop.system.await_orders(item, {"COMPLETED": 1, "RESERVED": 1})
    shop.proxy.behave()
    shop.system.await_orders(item, {"COMPLETED": 1, "EXPIRED": 1})
    assert shop.overdue() == 0
    assert shop.system.stock(item) == 7
    problem_in(shop.system.confirm(abandoned), 409, "hold_expired")
