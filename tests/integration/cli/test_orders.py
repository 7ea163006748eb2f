"""A stuck order from its cause to a person's word, by the installed commands on the real parts."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.inventory import SampleInventory
from devstack.ports import free_port
from order_service.application.orders.create import CreateOrderCommand
from order_service.bootstrap.shared import Shared
from order_service.domain.line import Line
from tests.commands import order_service
from tests.integration.connections import opened
from tests.integration.migrated_stores import MigratedStores
from tests.integration.stuck_shop import StuckShop, impatient
from tests.items import Items
from tests.system import clean_environment


class Shop(StuckShop):
    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "MONGO_URI": self.settings.mongo_uri,
            "MONGO_DATABASE": self.settings.mongo_database,
            "INVENTORY_SERVICE_URL": self.settings.inventory_service_url,
        }
        return order_service(*words, environment=clean_environment(environment))

    def json(self, *words: str) -> Any:
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shop(
    stores: MigratedStores, inventory: SampleInventory, items: Items, shared: Shared
) -> Iterator[Shop]:
    with stores.one(**impatient(inventory.url)) as settings, opened(settings) as database:
        yield Shop(settings, items, database, shared)


def test_a_stuck_order_is_listed_settled_by_word_and_reconciled(shop: Shop) -> None:
    item = shop.items.add(stock=10, price="2.50")
    order_id = shop.stuck_order(item)
    [stuck] = shop.json("orders", "stuck")["stuck"]
    assert stuck["_id"] == order_id
    assert stuck["decidedBy"]["stockChange"] == {"previousStock": 10, "newStock": 7}
    assert "was to go from 10 to 7 and is 50" in shop.command("orders", "stuck").stdout
    settled = shop.command(
        "orders", "settle", order_id, "--as", "completed", "--reason", "Shipped.", "--yes"
    )
    assert (settled.returncode, settled.stderr) == (0, "")
    shown = shop.json("orders", "show", order_id)
    assert (shown["status"], shown["totalPrice"]) == ("COMPLETED", 7.5)
    assert (shown["decision"]["reason"], shown["taken"]["newStock"]) == ("Shipped.", 7)
    assert [event["event"] for event in shown["unpublishedEvents"]] == ["ORDER_CREATED"]
    assert [each["_id"] for each in shop.json("orders", "list", "--item", item)][-1] == order_id
    assert shop.command("orders", "stuck").stdout.startswith("No order is stuck")
    compared = shop.command("reconcile", "--item", item, "--grace", "0")
    assert compared.returncode == 0, compared.stdout
    assert f"Settled by a person's word: order {order_id}." in compared.stdout


def test_a_stuck_basket_names_the_item_in_doubt_and_gives_back_the_others_by_a_word(
    shop: Shop,
) -> None:
    doubtful, certain = (shop.items.add(stock=10) for _ in range(2))
    order_id = shop.stuck_order(doubtful, certain)
    [stuck] = shop.json("orders", "stuck")["stuck"]
    assert (stuck["_id"], stuck["stuck"]["items"]) == (order_id, [doubtful])
    assert stuck["decidedBy"]["stockChanges"] == [
        {"itemId": doubtful, "previousStock": 10, "newStock": 7}
    ]
    taken = {line["itemId"]: line["taken"] and line["taken"]["newStock"] for line in stuck["lines"]}
    assert taken == {doubtful: None, certain: 7}
    for item in (doubtful, certain):
        assert order_id in [each["_id"] for each in shop.json("orders", "list", "--item", item)]

    words = ("orders", "settle", order_id, "--as", "failed", "--reason", "I counted.", "--yes")
    settled = shop.command(*words)
    assert (settled.returncode, settled.stderr) == (0, "")
    rest = f"the worker has yet to give back 3 of item {certain}, and then the order becomes FAILED"
    assert settled.stdout.endswith(f"Order {order_id} is PENDING: {rest}.\n")
    shown = shop.json("orders", "show", order_id)
    assert (shown["status"], shown["decision"]["outcome"]) == ("PENDING", "FAILED")
    assert shop.settle_overdue() == 1
    shown = shop.json("orders", "show", order_id)
    assert (shown["status"], shown["failure"]["code"]) == ("FAILED", "decided")
    returned = {
        line["itemId"]: line["returned"] and line["returned"]["newStock"] for line in shown["lines"]
    }
    assert returned == {doubtful: None, certain: 10}
    # One piece went to the order that found the basket.
    assert [shop.items.stock(item) for item in (doubtful, certain)] == [49, 10]
    for item in (doubtful, certain):
        compared = shop.command("reconcile", "--item", item, "--grace", "0")
        assert compared.returncode == 0, compared.stdout


def test_orders_settle_refuses_an_order_that_is_not_stuck_in_one_line(shop: Shop) -> None:
    item = shop.items.add(stock=10)
    order = shop.use_cases().create_order(CreateOrderCommand([Line(item, 1)])).order
    words = ("--as", "failed", "--reason", "x", "--yes")
    refused = shop.command("orders", "settle", order.id, *words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"Order {order.id} is COMPLETED and not stuck: there is nothing to settle.\n"
    )
    unknown = shop.command("orders", "show", "0" * 24)
    assert (unknown.returncode, unknown.stderr) == (1, "No such order.\n")


@pytest.mark.parametrize(("words", "exit_code"), [("orders stuck", 1), ("reconcile", 2)])
def test_orders_stuck_and_reconcile_without_their_store_end_soon_with_one_line(
    words: str, exit_code: int
) -> None:
    environment = {"MONGO_URI": f"mongodb://127.0.0.1:{free_port()}", "STORE_TIMEOUT": "0.5"}
    done = order_service(*words.split(), environment=clean_environment(environment))
    assert done.returncode == exit_code
    assert done.stderr == "The order store can't be reached.\n"
