"""What an operator expects of the image, asked of the image itself."""

import time
from pathlib import Path
from typing import Any

import requests
from confluent_kafka import Consumer

from devstack.inventory import SAMPLE_ITEMS
from tests.image.conftest import Stack
from tests.image.containers import Container
from tests.published_events import read

ITEM = SAMPLE_ITEMS[0]
QUANTITY = 2


def test_an_order_taken_by_the_apis_container_reaches_the_log_through_the_workers(
    stack: Stack,
) -> None:
    placed = requests.post(
        f"{stack.url}/api/orders", json={"itemId": ITEM.item_id, "quantity": QUANTITY}, timeout=15
    )
    assert placed.status_code == 201, placed.text
    order = placed.json()["order"]

    read = requests.get(f"{stack.url}{placed.headers['Location']}", timeout=5)
    assert read.json()["order"] == order
    assert order["status"] == "COMPLETED"

    change = _first_stock_change(stack, ITEM.item_id)
    assert change["previousStock"] == ITEM.stock
    assert change["newStock"] == ITEM.stock - QUANTITY


def _first_stock_change(stack: Stack, item_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        url = f"{stack.url}/api/stock-changes"
        changes = requests.get(url, params={"itemId": item_id}, timeout=5).json()["stockChanges"]
        if changes:
            (change,) = changes
            return dict(change)
        time.sleep(0.1)
    raise AssertionError(f"no stock change was logged in 30 s:\n{stack.worker_process.log()}")


def test_the_workers_container_publishes_the_order(stack: Stack) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": stack.settings["KAFKA_BROKER"],
            "group.id": "test-image",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(["order-events"])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None, stack.worker_process.log()
    assert read(message)["event"] == "ORDER_CREATED"


def test_the_health_check_in_the_image_sees_the_api(stack: Stack) -> None:
    checked = stack.api.run(*stack.api.health_check)
    assert checked.returncode == 0, checked.stderr


def test_the_health_check_sees_the_worker(stack: Stack) -> None:
    checked = stack.worker.run("python", "healthcheck.py", "WORKER_PORT", "3101")
    assert checked.returncode == 0, checked.stderr


def test_the_apis_container_writes_nothing_outside_tmp(stack: Stack) -> None:
    own = stack.api.run("id", "-u").stdout.strip()
    assert own == "10001"
    written = stack.api.run(
        *("find", "/", "-xdev", "(", "-path", "/tmp", "-o", "-path", "/proc", ")", "-prune"),
        *("-o", "-user", own, "-print"),
    )
    assert written.stdout == ""


def test_the_image_holds_no_compiler_and_no_pip(storage: Path) -> None:
    container = Container(storage, "service", {})
    for tool in ("gcc", "cc", "make", "pip", "pip3"):
        assert container.run("sh", "-c", f"command -v {tool}").returncode != 0, tool


def test_the_image_refuses_to_be_open_to_everybody_unless_auth_disabled_is_set(
    storage: Path,
) -> None:
    refused = Container(storage, "service", {}).run("order-service", "migrate")
    assert refused.returncode != 0
    assert "AUTH_DISABLED" in refused.stderr


# Last, because it ends what the others talk to.
def test_the_containers_of_api_and_worker_end_with_code_0_when_they_are_told_to_stop(
    stack: Stack,
) -> None:
    assert stack.worker_process.stop(timeout=30) == 0
    assert stack.api_process.stop(timeout=30) == 0
