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
# Views that show no time while nothing is wrong.
_WITHOUT_TIMES = {"new", "items", "health"}


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


# Each with the text that it shows, and the one that it shows to who asks.
_TIMES = """[...document.querySelectorAll('main time')]
  .map((at) => [at.dateTime, `${at.textContent} ${at.title}`])"""


@pytest.mark.parametrize("view", VIEWS)
def test_each_time_of_a_view_is_the_readers_with_utc_beside(
    view: str, look: Look, shop: Shop
) -> None:
    zone = "Asia/Kathmandu"
    page = look(VIEWS[view](shop), timezone_id=zone)
    _shown(page)
    times = page.evaluate(_TIMES)
    assert times or view in _WITHOUT_TIMES
    for written, said in times:
        at = datetime.fromisoformat(written)
        for expected in (
            f"{at:%Y-%m-%d %H:%M:%S}",
            "UTC",
            f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}",
        ):
            assert expected in said


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


# What can be reached, but for what nobody sees. A row is no place, and what is in it is one.
_UNREACHED = """() => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0)
  .filter((each) => !('reached' in each.dataset))
  .map((each) => each.outerHTML.slice(0, 200))"""
_REACHED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  at.dataset.reached = '';
  return getComputedStyle(at).outlineStyle === 'none' ? at.outerHTML.slice(0, 200) : '';
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_the_tab_key_reaches_everything_and_shows_where_it_is(
    view: str, look: Look, shop: Shop
) -> None:
    page = look(VIEWS[view](shop))
    _shown(page)
    page.evaluate("document.activeElement.blur()")
    left = page.evaluate(_UNREACHED)
    assert left
    # Rows may come while it goes round.
    for _ in range(3 * len(left) + 20):
        page.keyboard.press("Tab")
        unmarked = page.evaluate(_REACHED)
        assert not unmarked, f"nobody sees that the keyboard is here: {unmarked}"
        left = page.evaluate(_UNREACHED)
        if not left:
            break
    assert not left


def test_the_keyboard_alone_finds_and_filters(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    wanted, other = shop.place(item, reference=f"keyed {item}"), shop.place(item)
    page = look("#/orders")
    found, left = (page.get_by_role("link", name=each["_id"]) for each in (wanted, other))
    expect(left).to_be_visible()
    page.get_by_role("searchbox").focus()
    page.keyboard.type(wanted["reference"])
    page.keyboard.press("Enter")
    expect(left).to_have_count(0)
    expect(found).to_be_visible()
    page.get_by_role("link", name="Show all").focus()
    page.keyboard.press("Enter")
    expect(left).to_be_visible()
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Item", exact=True).focus()
    page.keyboard.type(item)
    page.keyboard.press("Tab")
    page.keyboard.type(wanted["reference"])
    page.keyboard.press("Enter")
    expect(left).to_have_count(0)
    expect(found).to_be_visible()


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
