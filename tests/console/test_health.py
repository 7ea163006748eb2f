"""How it is: the parts, what waits, the last hour, dead letters and stuck orders."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from playwright.sync_api import Locator, Page, expect

from order_service.application.orders.create import CreateOrderCommand
from order_service.bootstrap.adapters import build_adapters
from order_service.bootstrap.api import build_use_cases
from order_service.bootstrap.shared import Shared
from order_service.domain.errors import StoreUnavailable
from order_service.domain.line import Line
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import Settings
from tests.console.accessible import assert_accessible
from tests.console.looking import Look, screenshot
from tests.console.shop import Shop
from tests.system import Parts, System
from tests.waiting import until

_UNAVAILABLE = r"console, error: .* 503 "
_LEASE = {"LEASE_SECONDS": "2", "INVENTORY_CONNECT_TIMEOUT": "0.3", "INVENTORY_READ_TIMEOUT": "0.7"}


def _panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def _bury(shop: Shop, *values: bytes) -> None:
    """Sends records that can't be logged, and waits until they are dead letters. The workers of
    several shops hear of the same topic, and each makes a letter of its own."""
    before = len(_letters(shop))
    producer = Producer({"bootstrap.servers": shop.system.settings["KAFKA_BROKER"]})
    for value in values:
        producer.produce("stock-updates", value, key=b"<b>key", headers=[("<i>h", b"<b>x")])
    producer.flush(10)
    until(lambda: len(_letters(shop)) >= before + len(values), "the dead letters")


def _letters(shop: Shop) -> list[Any]:
    answer = shop.ask("GET", "/api/dead-letters?limit=100")
    # While no topic of dead letters exists there are none.
    return answer.json()["deadLetters"] if answer.ok else []


# --- the parts and the last hour


def test_all_is_well_and_the_last_hour_is_drawn(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    for _ in range(3):
        shop.place(item)
    until(lambda: _counted(shop) >= 3, "the sample of the orders")
    page = look("#/health")
    expect(page.get_by_text("All is well.")).to_be_visible()
    parts = _panel(page, "The parts")
    for text in ("store", "inventory", "alive", "consumer", "relay", "settlement", "expiry"):
        expect(parts).to_contain_text(text)
    expect(page.get_by_role("slider", name="Cursor: How long creating")).to_be_visible()
    expect(page.get_by_role("slider", name="Cursor: Orders a second")).to_be_visible()
    expect(_panel(page, "Orders that wait too long")).to_contain_text("No order is stuck")


def _counted(shop: Shop) -> int:
    slots = shop.ask("GET", "/api/status/last-hour").json()["slots"]
    # The slot under way is not drawn yet.
    return sum(slot["orders"].get("completed", 0) for slot in slots)


def test_the_inventorys_absence_is_said_first(look: Look, shop: Shop) -> None:
    page = look("#/orders")
    status = shop.ask("GET", "/api/status").json()
    status["dependencies"]["inventory"] |= {
        "status": "unavailable",
        "detail": "It refuses.",
        "since": status["at"],
    }
    page.route("**/api/status", lambda route: route.fulfill(json=status))
    page.get_by_role("link", name="How it is").click()
    expect(page.get_by_text("The inventory is unavailable. It refuses.")).to_be_visible()


# --- dead letters


def test_dead_letters_are_shown_by_fault_and_as_text(look: Look, shop: Shop) -> None:
    _bury(shop, b"<script>document.body.remove()</script>", b'{"itemId": "x"}')
    page = look("#/health")
    letters = _panel(page, "Dead letters")
    expect(letters.get_by_role("heading", name="not json")).to_be_visible()
    expect(letters.get_by_role("heading", name="missing field")).to_be_visible()
    letters.get_by_text("Look", exact=True).first.click()
    expect(letters).to_contain_text("<b>key")
    expect(letters).to_contain_text("<i>h")
    assert_accessible(page)
    screenshot(page, "dead-letters")


def test_a_letter_is_replayed_after_a_question_and_the_report_is_in_words(
    look: Look, shop: Shop
) -> None:
    _bury(shop, b"[]")
    page = look("#/health")
    letters = _panel(page, "Dead letters")
    before = len(_letters(shop))
    letters.get_by_role("button", name="Replay stock-updates").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Replay 1 dead letter?")
    dialog.get_by_role("button", name="No, leave it").click()
    expect(dialog).to_have_count(0)
    letters.get_by_role("button", name="Replay stock-updates").first.click()
    dialog.get_by_role("button", name="Yes, replay").click()
    expect(letters.get_by_text("1 letter was sent again.")).to_be_visible()
    # It is as wrong as before, so it comes back.
    until(lambda: len(_letters(shop)) > before, "the letter that comes back")
    expect(letters.get_by_text("came back 1 time").first).to_be_visible()


def test_kafkas_absence_leaves_the_rest_of_the_view(look: Look, shop: Shop) -> None:
    look.allows(_UNAVAILABLE)
    page = look("#/orders")
    problem = {"code": "broker_unavailable", "detail": "Kafka does not answer."}
    page.route("**/api/dead-letters?*", lambda route: route.fulfill(status=503, json=problem))
    page.get_by_role("link", name="How it is").click()
    expect(_panel(page, "Dead letters")).to_contain_text("Kafka does not answer.")
    expect(_panel(page, "The parts")).to_contain_text("alive")


# --- stuck orders


class _DiesBeforeStoring:
    """A repository that can't save: its process sends the overwrite and is never heard of again."""

    def __init__(self, orders: Any) -> None:
        self._orders = orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def save_all(self, _: Any) -> Any:
        raise StoreUnavailable("It died.")


@pytest.fixture(scope="module")
def idle_shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Without a worker, which would have the evidence in its log, and settle what is stuck."""
    settings = {"WEB_WORKERS": "1", **_LEASE}
    with System(parts, tmp_path_factory.mktemp("idle"), settings, workers=0) as system:
        yield Shop(system)


def _stick(shop: Shop) -> str:
    """An order whose overwrite went out, whose process died, and whose item somebody else wrote
    since."""
    item = shop.add_item(stock=10)
    given = {name: value for name, value in shop.system.settings.items() if name != "WEB_WORKERS"}
    settings = Settings.load(given)
    database = connect(settings)
    with database.client:
        adapters = build_adapters(settings, database, Shared())
        orders: Any = _DiesBeforeStoring(adapters.orders)
        dying = build_use_cases(settings, replace(adapters, orders=orders))
        left = dying.create_order(CreateOrderCommand([Line(item, 3)]))
        assert left.deferred
        shop.system.items.set_stock(item, 50)
        # Whoever is next waits for the lease, and then finds what was left behind.
        build_use_cases(settings, adapters).create_order(CreateOrderCommand([Line(item, 1)]))
    return left.order.id


def test_a_stuck_order_is_settled_by_a_persons_word(look: Look, idle_shop: Shop) -> None:
    order_id = _stick(idle_shop)
    page = look("#/health", at=idle_shop)
    expect(page.get_by_text("1 order is stuck, and may need a person")).to_be_visible()
    expect(page.get_by_text("No worker runs")).to_be_visible()
    stuck = page.get_by_role("article").filter(has_text=order_id)
    expect(stuck).to_contain_text("was to go from 10 to 7 and is 50")
    expect(stuck).to_contain_text("10 → 7")
    expect(stuck).to_contain_text("the order becomes COMPLETED")
    assert_accessible(page)
    screenshot(page, "stuck")
    stuck.get_by_role("button", name="The changes were made").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This moves no stock")
    dialog.get_by_role("button", name="Yes, settle it").click()
    assert idle_shop.order(order_id)["status"] == "PENDING", "the reason is asked for"
    dialog.get_by_label("How you know").fill("Counted <b>it</b>.")
    dialog.get_by_role("button", name="Yes, settle it").click()
    expect(page.get_by_text(f"Order {order_id} is COMPLETED now.")).to_be_visible()
    history = idle_shop.ask("GET", f"/api/orders/{order_id}/history").json()["history"]
    assert "Counted <b>it</b>." in json.dumps(history)
    page.get_by_role("link", name=order_id).click()
    expect(page.get_by_text("Counted <b>it</b>.").first).to_be_visible()
