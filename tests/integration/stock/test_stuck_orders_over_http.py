"""Orders that wait too long, over HTTP on the real store and the real inventory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from devstack.inventory import SampleInventory
from order_service.application.stock_log.changes import StockChange
from order_service.bootstrap.adapters import build_adapters
from order_service.bootstrap.shared import Shared
from order_service.domain.hold import Hold
from order_service.interface.http.app import create_app
from tests.integration.connections import opened
from tests.integration.migrated_stores import MigratedStores
from tests.integration.stuck_shop import StuckShop, impatient
from tests.items import Items
from tests.orders import as_stored, moved_at, pending


@pytest.fixture
def shop(
    stores: MigratedStores, inventory: SampleInventory, items: Items, shared: Shared
) -> Iterator[StuckShop]:
    with stores.one(**impatient(inventory.url)) as settings, opened(settings) as database:
        yield StuckShop(settings, items, database, shared)


@pytest.fixture
def client(shop: StuckShop) -> FlaskClient:
    return create_app(shop.use_cases(), settings=shop.settings).test_client()


def stuck_orders(client: FlaskClient) -> Any:
    answer = client.get("/api/stuck-orders")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def settle(client: FlaskClient, order_id: str, outcome: str, **headers: str) -> Any:
    body = {"outcome": outcome, "reason": "I counted."}
    return client.post(f"/api/orders/{order_id}/settle", json=body, headers=headers)


def test_a_stuck_order_is_listed_and_settled_by_a_word_about_what_was_seen(
    shop: StuckShop, client: FlaskClient
) -> None:
    item = shop.items.add(stock=10, price="2.50")
    order_id = shop.stuck_order(item)
    [stuck] = stuck_orders(client)["stuck"]
    assert stuck["order"]["_id"] == order_id
    assert stuck["changesInDoubt"] == [{"itemId": item, "previousStock": 10, "newStock": 7}]
    assert stuck["byEvidence"] == {"status": "COMPLETED", "settled": True}
    assert "was to go from 10 to 7 and is 50" in stuck["reason"]

    seen = f'"{stuck["version"]}"'
    assert client.get(f"/api/orders/{order_id}").headers["ETag"] == seen
    assert settle(client, order_id, "completed", **{"If-Match": '"1"'}).status_code == 412
    answer = settle(client, order_id, "completed", **{"If-Match": seen})
    assert answer.status_code == 200
    assert (answer.json["order"]["status"], answer.json["order"]["totalPrice"]) == (
        "COMPLETED",
        7.5,
    )
    assert answer.json["alike"] == []
    assert stuck_orders(client)["stuck"] == []
    assert settle(client, order_id, "completed").status_code == 409

    history = client.get(f"/api/orders/{order_id}/history").get_json()["history"]
    [word] = [each for each in history if each["event"] == "ORDER_DECIDED"]
    assert (word["actor"], word["by"]) == ("operator", "anybody")
    assert word["evidence"]["reason"] == "I counted."


def test_a_stuck_basket_becomes_what_the_list_says_once_the_worker_has_given_back_the_rest(
    shop: StuckShop, client: FlaskClient
) -> None:
    doubtful, certain = (shop.items.add(stock=10) for _ in range(2))
    order_id = shop.stuck_order(doubtful, certain)
    [stuck] = stuck_orders(client)["stuck"]
    assert [each["itemId"] for each in stuck["changesInDoubt"]] == [doubtful]
    assert stuck["byWord"]["failed"] == {"status": "FAILED", "settled": False}

    answer = settle(client, order_id, "failed")
    assert (answer.status_code, answer.json["order"]["status"]) == (200, "PENDING")
    assert stuck_orders(client)["stuck"] == []
    assert shop.settle_overdue() == 1
    assert client.get(f"/api/orders/{order_id}").get_json()["order"]["status"] == "FAILED"
    assert shop.items.stock(certain) == 10


def test_evidence_makes_of_a_stuck_order_what_the_list_says(
    shop: StuckShop, client: FlaskClient
) -> None:
    item = shop.items.add(stock=10)
    order_id = shop.stuck_order(item)
    [stuck] = stuck_orders(client)["stuck"]
    logged = StockChange(
        topic="stock-updates",
        partition=0,
        offset=0,
        item_id=item,
        previous_stock=10,
        new_stock=7,
        change_type="reduced",
        change_amount=3,
        updated_at=datetime.now(UTC),
        payload={},
    )
    build_adapters(shop.settings, shop.database, Shared()).changes.append([logged])
    assert shop.settle_overdue() == 1
    assert stuck_orders(client)["stuck"] == []
    settled = client.get(f"/api/orders/{order_id}").get_json()["order"]
    assert settled["status"] == stuck["byEvidence"]["status"] == "COMPLETED"


def test_orders_and_holds_that_no_worker_has_seen_to_are_listed(
    shop: StuckShop, client: FlaskClient
) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    overdue = pending(at=hour_ago)
    hold = moved_at(pending(at=hour_ago, hold=Hold(60)), hour_ago)
    in_time = pending(at=datetime.now(UTC) + timedelta(hours=1))
    for order in (overdue, hold, in_time):
        shop.database["orders"].insert_one(as_stored(order))
    found = stuck_orders(client)
    [late], [over] = found["overdue"], found["holds"]
    assert (late["order"]["_id"], late["waitsForSeconds"] > 3500) == (overdue.id, True)
    assert (over["order"]["_id"], 3000 < over["overdueForSeconds"] < 3560) == (hold.id, True)
    assert (found["stuck"], found["more"]) == ([], False)
