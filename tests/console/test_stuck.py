"""Stuck orders: why, what would decide them, and a person's word that does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from order_service.bootstrap.shared import Shared
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import Settings
from tests.console.accessible import assert_accessible
from tests.console.looking import Look, screenshot
from tests.console.shop import Shop
from tests.integration.stuck_shop import StuckShop
from tests.system import Parts, System

_LEASE = {"LEASE_SECONDS": "2", "INVENTORY_CONNECT_TIMEOUT": "0.3", "INVENTORY_READ_TIMEOUT": "0.7"}
_OUTDATED = r"console, error: .* 41[12] "


@pytest.fixture(scope="module")
def idle_shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Without a worker, which would have the evidence in its log, and settle what is stuck."""
    settings = {"WEB_WORKERS": "1", **_LEASE}
    with System(parts, tmp_path_factory.mktemp("idle"), settings, workers=0) as system:
        yield Shop(system)


def _stick(shop: Shop, *others: str) -> str:
    """An order whose overwrites went out, whose process died, and one of whose items somebody else
    wrote since. ``others``: items of the order that nobody else writes."""
    item = shop.add_item(stock=10)
    given = {name: value for name, value in shop.system.settings.items() if name != "WEB_WORKERS"}
    settings = Settings.load(given)
    database = connect(settings)
    with database.client:
        stuck = StuckShop(settings, shop.system.items, database, Shared())
        return stuck.stuck_order(item, *others)


def _article(page: Page, order_id: str) -> Locator:
    return page.get_by_role("article").filter(has_text=order_id)


def _settle(page: Page, order_id: str, button: str, reason: str) -> None:
    _article(page, order_id).get_by_role("button", name=button).click()
    page.get_by_role("dialog").get_by_label("How you know").fill(reason)
    page.get_by_role("button", name="Yes, settle it").click()


def _outcome(page: Page) -> Locator:
    return page.get_by_role("region", name="Orders that wait too long").get_by_role("status")


def test_a_stuck_order_is_settled_by_a_persons_word(look: Look, idle_shop: Shop) -> None:
    order_id = _stick(idle_shop)
    page = look("#/health", at=idle_shop)
    verdict = page.locator("h1 + div")
    expect(verdict).to_contain_text("No worker runs")
    expect(verdict).to_contain_text("1 order is stuck, and may need a person.")
    stuck = _article(page, order_id)
    for text in (
        "was to go from 10 to 7 and is 50",
        "stock 10 → 7",
        "Once the stock-change log has the change in doubt",
        "the order becomes COMPLETED, without a person's word",
    ):
        expect(stuck).to_contain_text(text)
    assert_accessible(page)
    screenshot(page, "stuck")
    stuck.get_by_role("button", name="The inventory made the changes").click()
    dialog = page.get_by_role("dialog")
    for text in ("from 10 to 7", "By your word the order becomes COMPLETED.", "moves no stock"):
        expect(dialog).to_contain_text(text)
    assert_accessible(page)
    dialog.get_by_role("button", name="Yes, settle it").click()
    assert idle_shop.order(order_id)["status"] == "PENDING", "the reason is asked for"
    dialog.get_by_label("How you know").fill("Counted <b>it</b>.")
    dialog.get_by_role("button", name="Yes, settle it").click()
    expect(_outcome(page)).to_contain_text(f"You settled order {order_id}: it is COMPLETED now.")
    expect(_outcome(page)).to_be_focused()
    expect(stuck).to_have_count(0)
    history = idle_shop.ask("GET", f"/api/orders/{order_id}/history").json()["history"]
    assert "Counted <b>it</b>." in json.dumps(history)
    page.get_by_role("link", name=order_id).click()
    expect(page.get_by_text("Counted <b>it</b>.").first).to_be_visible()


def test_a_word_that_leaves_stock_to_move_says_so(look: Look, idle_shop: Shop) -> None:
    order_id = _stick(idle_shop, idle_shop.add_item(stock=10))
    page = look("#/health", at=idle_shop)
    _article(page, order_id).get_by_role("button", name="It made none of them").click()
    says = "By your word the worker has yet to move stock, and then the order becomes FAILED."
    expect(page.get_by_role("dialog")).to_contain_text(says)
    page.get_by_label("How you know").fill("Counted.")
    page.get_by_role("button", name="Yes, settle it").click()
    expect(_outcome(page)).to_contain_text("it is PENDING now")


def test_a_word_about_an_order_that_was_settled_meanwhile_is_refused(
    look: Look, idle_shop: Shop
) -> None:
    look.allows(_OUTDATED)
    order_id = _stick(idle_shop)
    page = look("#/health", at=idle_shop)
    _article(page, order_id).get_by_role("button", name="It made none of them").click()
    word = {"outcome": "completed", "reason": "Counted."}
    idle_shop.ask("POST", f"/api/orders/{order_id}/settle", json=word).raise_for_status()
    page.get_by_label("How you know").fill("Guessed.")
    page.get_by_role("button", name="Yes, settle it").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
    assert idle_shop.order(order_id)["status"] == "COMPLETED"
    page.get_by_role("button", name="No, leave it").click()
    expect(_article(page, order_id)).to_have_count(0)


def test_the_keyboards_place_stays_while_other_orders_get_stuck(
    look: Look, idle_shop: Shop
) -> None:
    order_id = _stick(idle_shop)
    page = look("#/health", at=idle_shop)
    button = _article(page, order_id).get_by_role("button", name="It made none of them")
    button.focus()
    other = _stick(idle_shop)
    expect(_article(page, other)).to_be_visible()
    expect(button).to_be_focused()
    for each in (order_id, other):
        _settle(page, each, "The inventory made the changes", "Counted.")
        expect(_outcome(page)).to_contain_text(each)


def _told(order: Any, **more: Any) -> dict[str, Any]:
    """How the API tells of a stuck order whose two items are in doubt."""
    changes = [{"itemId": each * 24, "previousStock": 10, "newStock": 7} for each in ("a", "b")]
    ways = {"status": "COMPLETED", "settled": True}
    at = order["createdAt"]
    return {
        "order": order,
        "version": 3,
        "since": at,
        "reason": "<b>Nobody</b> knows.",
        "waitsForSeconds": 75.0,
        "recordedAt": at,
        "sharedWith": 2,
        "changesInDoubt": changes,
        "byEvidence": ways,
        "byWord": {"completed": ways, "failed": {"status": "FAILED", "settled": True}},
    } | more


def _look_at(look: Look, shop: Shop, order: Any, **lists: Any) -> Page:
    found = {"now": order["createdAt"], "stuck": [], "overdue": [], "holds": [], "more": False}
    page = look("#/orders", at=shop)
    page.route("**/api/stuck-orders?*", lambda route: route.fulfill(json=found | lists))
    page.get_by_role("link", name="How it is").click()
    return page


def test_a_word_is_about_all_items_alike_and_names_the_orders_that_are_alike(
    look: Look, open_shop: Shop
) -> None:
    order = open_shop.place(open_shop.add_item())
    page = _look_at(look, open_shop, order, stuck=[_told(order)])
    expect(_article(page, order["_id"])).to_contain_text("2 other orders")
    expect(_article(page, order["_id"])).to_contain_text("<b>Nobody</b> knows.")
    asked: list[Any] = []

    def settle(route: Any) -> None:
        asked.append((route.request.headers["if-match"], route.request.post_data_json))
        route.fulfill(json={"order": order, "alike": ["c" * 24, "d" * 24]})

    page.route("**/settle", settle)
    _article(page, order["_id"]).get_by_role("button", name="It made none of them").click()
    expect(page.get_by_role("dialog")).to_contain_text("about all of these items alike")
    page.get_by_label("How you know").fill("Counted.")
    page.get_by_role("button", name="Yes, settle it").click()
    expect(_outcome(page)).to_contain_text("2 other orders")
    for alike in ("c" * 24, "d" * 24):
        expect(_outcome(page).get_by_role("link", name=alike)).to_be_visible()
    assert asked == [('"3"', {"outcome": "failed", "reason": "Counted."})]


def test_an_order_that_a_word_leaves_as_it_is_stays(look: Look, open_shop: Shop) -> None:
    order = open_shop.place(open_shop.add_item())
    words = {"completed": None, "failed": {"status": order["status"], "settled": True}}
    told = _told(order, changesInDoubt=[], byEvidence=None, recordedAt=None, byWord=words)
    page = _look_at(look, open_shop, order, stuck=[told])
    stuck = _article(page, order["_id"])
    expect(stuck).to_contain_text("Nothing that the service could see decides it.")
    expect(stuck).to_contain_text("a price was never read")
    expect(stuck.get_by_role("button", name="The inventory made the changes")).to_be_disabled()
    stuck.get_by_role("button", name="It made none of them").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("the inventory did not do what the order asked for")
    expect(dialog).to_contain_text("the order stays COMPLETED")


def test_overdue_orders_and_holds_are_listed_with_how_long_they_wait(
    look: Look, open_shop: Shop
) -> None:
    order, held = (open_shop.place(open_shop.add_item()) for _ in range(2))
    page = _look_at(
        look,
        open_shop,
        order,
        overdue=[{"order": order, "waitsForSeconds": 7200.0}],
        holds=[{"order": held, "overdueForSeconds": 7200.0}],
        more=True,
    )
    for name, each in (("Overdue orders", order), ("Holds that are over", held)):
        row = page.get_by_role("table", name=name).get_by_role("row").nth(1)
        expect(row).to_contain_text(each["_id"])
        expect(row).to_contain_text("2 hours ")
    says = "1 order waits longer than the worker should take."
    expect(page.locator("h1 + div")).to_contain_text(says)
    expect(page.get_by_text("There may be more.")).to_be_visible()
