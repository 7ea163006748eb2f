"""That the page is good: without eyes or a mouse, on a phone, by day and by night."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.console.accessible import assert_accessible
from tests.console.looking import Look, heading, screenshot
from tests.console.shop import Shop
from tests.console.views import VIEWS

_PHONE, _DESK = 360, 1200


def _shown(page: Page) -> None:
    expect(heading(page)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


@pytest.mark.parametrize("width", [_DESK, _PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_for_everybody(
    view: str, scheme: Literal["light", "dark"], width: int, look: Look, shop: Shop
) -> None:
    page = look(VIEWS[view](shop), scheme=scheme, width=width)
    _shown(page)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title().endswith("· Order Service")
    screenshot(page, f"{view}-{scheme}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signing_in_is_for_everybody(scheme: Literal["light", "dark"], look: Look) -> None:
    page = look(token=None, scheme=scheme, width=_PHONE)
    expect(heading(page)).to_have_text("Sign in")
    assert_accessible(page)
    screenshot(page, f"sign-in-{scheme}-{_PHONE}")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_times_are_the_readers_with_utc_beside(zone: str, look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    at = datetime.fromisoformat(order["createdAt"])
    page = look(f"#/orders/{order['_id']}", timezone_id=zone)
    placed = page.locator(f"time[datetime='{order['createdAt']}']").first
    expect(placed).to_contain_text(f"{at:%Y-%m-%d %H:%M:%S}")
    expect(placed).to_contain_text("UTC")
    expect(placed).to_contain_text(at.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S"))


def test_the_keyboard_alone_reaches_the_views_and_the_content(look: Look, open_shop: Shop) -> None:
    page = look("#/orders", at=open_shop)
    expect(heading(page)).to_have_text("Orders")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_role("link", name="How it is").focus()
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("How it is")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_keyboard_alone_places_an_order_and_cancels_it(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=5)
    page = look("#/new")
    page.get_by_label("Item's id").focus()
    page.keyboard.type(item)
    page.keyboard.press("Enter")
    made = page.get_by_role("status").get_by_role("link").first
    expect(made).to_be_visible()
    made.focus()
    page.keyboard.press("Enter")
    expect(heading(page)).to_contain_text("Order")
    cancel = page.get_by_role("button", name="Cancel …")
    expect(cancel).to_be_visible()
    cancel.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    cancel.focus()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Yes").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".facts .status").first).to_have_text("CANCELLED")
    assert shop.system.items.stock(item) == 5


def test_an_unknown_view_leads_back(look: Look) -> None:
    page = look("#/toString")
    expect(heading(page)).to_have_text("There is nothing here")
    page.get_by_role("link", name="To the orders").click()
    expect(heading(page)).to_have_text("Orders")
