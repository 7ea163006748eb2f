"""The list of orders: it is live, can be filtered and searched, and outlives the API."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.looking import PATIENCE, Look, screenshot
from tests.console.shop import Shop
from tests.waiting import until

PAGE = 25
# What Chromium says of every answer that is no success.
NOT_FOUND = r"console, error: .* 404 "
UNREACHABLE = "ERR_CONNECTION_(REFUSED|RESET|CLOSED)|ERR_EMPTY_RESPONSE"
# The longest pause between two attempts, and then some.
UNTIL_THE_NEXT_ATTEMPT = 30_000 + PATIENCE


def row_of(page: Page, order_id: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=order_id))


def ids_in(page: Page) -> list[str]:
    """Of the orders shown, from the top."""
    return page.locator("tbody tr td:nth-child(2) a").all_inner_texts()


def fields_of(page: Page) -> Locator:
    return page.locator("form.filters")


def filter_by(page: Page, fields: Mapping[str, str]) -> None:
    """``fields``: values by the label."""
    page.get_by_text("Filter", exact=True).first.click()
    for label, value in fields.items():
        field = fields_of(page).get_by_label(label)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.get_by_role("button", name="Filter").click()


def find(page: Page, sought: str) -> None:
    page.get_by_role("searchbox").fill(sought)
    page.get_by_role("button", name="Find").click()


# --- live


def test_an_order_arrives_and_changes_while_one_looks(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    first = shop.place(item)
    page = look("#/orders")
    expect(row_of(page, first["_id"])).to_be_visible()
    order = shop.place({item: 2, shop.add_item(): 1}, reference="arrives")
    row = row_of(page, order["_id"])
    expect(row).to_contain_text("COMPLETED")
    for text in ("arrives", f"2 × {item}", "and 1 more item", "€29.97"):
        expect(row).to_contain_text(text)
    expect(page.get_by_role("status")).to_have_text("1 new order.")
    screenshot(page, "orders")
    shop.cancel(order["_id"])
    expect(row).to_contain_text("CANCELLED")
    assert ids_in(page)[:2] == [order["_id"], first["_id"]]


def test_the_keyboards_place_stays_while_orders_arrive(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    first = shop.place(item)
    page = look("#/orders")
    link = page.get_by_role("link", name=first["_id"])
    link.focus()
    order = shop.place(item)
    expect(row_of(page, order["_id"])).to_be_visible()
    expect(link).to_be_focused()


def test_what_is_typed_stays_while_orders_arrive(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    page = look("#/orders")
    page.get_by_text("Filter", exact=True).first.click()
    fields_of(page).get_by_label("Reference").fill("half typ")
    page.get_by_role("searchbox").fill("half a")
    order = shop.place(item)
    expect(row_of(page, order["_id"])).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("half a")
    expect(fields_of(page).get_by_label("Reference")).to_have_value("half typ")


# --- found


@pytest.mark.parametrize("field", ["Status", "Item", "Reference"])
def test_the_list_is_filtered_by(field: str, look: Look, shop: Shop) -> None:
    item = shop.add_item()
    wanted = shop.place(item, reference=f"wanted of {item}")
    shop.cancel(wanted["_id"])
    # Of the same item and another status; of the same status and another item.
    shop.place(item, reference="unwanted")
    shop.cancel(shop.place(shop.add_item())["_id"])
    value = {"Status": "CANCELLED", "Item": item, "Reference": wanted["reference"]}
    expected = {
        "Status": {"Item": item, "Status": "CANCELLED"},
        "Item": {"Item": item.upper(), "Reference": wanted["reference"]},
        "Reference": {"Reference": wanted["reference"]},
    }[field]
    page = look("#/orders")
    filter_by(page, {field: value[field]})
    expect(page.get_by_text("Filtered")).to_be_visible()
    expect(fields_of(page).get_by_label(field)).to_have_value(value[field])
    expect(row_of(page, wanted["_id"])).to_be_visible()
    page = look("#/orders")
    filter_by(page, expected)
    expect(row_of(page, wanted["_id"])).to_be_visible()
    assert ids_in(page) == [wanted["_id"]]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_the_list_is_filtered_by_the_readers_time(zone: str, look: Look, shop: Shop) -> None:
    item = shop.add_item()
    earlier = shop.place(item)
    between = datetime.fromisoformat(earlier["createdAt"]).replace(microsecond=0)
    between += timedelta(seconds=1)
    until(lambda: datetime.now(UTC) > between, "the next second")
    later = shop.place(item)
    local = between.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")
    for label, found in (("Placed since", later), ("Placed before", earlier)):
        page = look("#/orders", timezone_id=zone)
        filter_by(page, {"Item": item, label: local})
        expect(fields_of(page).get_by_label(label)).to_have_value(local)
        expect(row_of(page, found["_id"])).to_be_visible()
        assert ids_in(page) == [found["_id"]]


def test_a_filter_that_finds_nothing_says_so_and_leads_back(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    page = look("#/orders?reference=nobody%27s")
    expect(page.get_by_text("No order is like that.")).to_be_visible()
    page.get_by_role("link", name="Show all orders").click()
    expect(row_of(page, order["_id"])).to_be_visible()


def test_an_order_is_found_by_its_id(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    page = look("#/orders")
    find(page, f"  {order['_id'].upper()} ")
    expect(page).to_have_url(re.compile(f"#/orders/{order['_id']}$"))


@pytest.mark.parametrize("by", ["item", "reference"])
def test_orders_are_found_by(by: str, look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    item = shop.add_item()
    sought = item if by == "item" else f"sought-{item}"
    order = shop.place(item, reference=f"sought-{item}")
    shop.place(shop.add_item())
    page = look("#/orders")
    find(page, sought)
    expect(row_of(page, order["_id"])).to_be_visible()
    expect(page.get_by_text("Filtered")).to_be_visible()
    assert ids_in(page) == [order["_id"]]


# --- page by page


def test_older_orders_are_on_the_next_page(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    placed = [shop.place(item)["_id"] for _ in range(PAGE + 3)][::-1]
    page = look(f"#/orders?itemId={item}")
    older, newest = (
        page.get_by_role("link", name=name) for name in ("Older", "Back to the newest")
    )
    expect(older).to_be_visible()
    assert ids_in(page) == placed[:PAGE]
    expect(newest).to_have_count(0)
    older.click()
    expect(row_of(page, placed[-1])).to_be_visible()
    assert ids_in(page) == placed[PAGE:]
    expect(older).to_have_count(0)
    newest.click()
    expect(row_of(page, placed[0])).to_be_visible()
    page.go_back()
    expect(row_of(page, placed[-1])).to_be_visible()
    assert ids_in(page) == placed[PAGE:]


def test_the_keyboards_place_on_the_next_page_stays_while_orders_arrive(
    look: Look, shop: Shop
) -> None:
    item = shop.add_item()
    for _ in range(PAGE + 1):
        shop.place(item)
    page = look(f"#/orders?itemId={item}")
    older = page.get_by_role("link", name="Older")
    older.focus()
    order = shop.place(item)
    expect(row_of(page, order["_id"])).to_be_visible()
    expect(older).to_be_focused()


# --- the states


def test_who_has_no_orders_is_led_to_place_one(look: Look, shop: Shop) -> None:
    page = look("#/orders", token=shop.token("newcomer", "orders:read orders:write"))
    expect(page.get_by_text("There are no orders yet.")).to_be_visible()
    page.get_by_role("link", name="Place one").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Place an order")


def test_the_list_outlives_the_api(look: Look, shop: Shop) -> None:
    look.allows(UNREACHABLE)
    item = shop.add_item()
    first = shop.place(item)
    page = look("#/orders")
    expect(row_of(page, first["_id"])).to_be_visible()
    page.get_by_role("searchbox").fill("half a")
    shop.system.api[0].stop()
    try:
        expect(page.get_by_text("The API can't be reached.")).to_be_visible()
        expect(row_of(page, first["_id"])).to_be_visible()
        screenshot(page, "orders-api-down")
    finally:
        shop.system.revive()
    second = shop.place(item)
    expect(row_of(page, second["_id"])).to_be_visible(timeout=UNTIL_THE_NEXT_ATTEMPT)
    expect(page.get_by_text("The API can't be reached.")).to_have_count(0)
    expect(page.get_by_role("searchbox")).to_have_value("half a")


def test_one_can_try_again_at_once(look: Look, shop: Shop) -> None:
    look.allows(r"console, error: .* 503 ")
    order = shop.place(shop.add_item())
    page = look("#/new")
    asked = []

    def refuse(route: object) -> None:
        asked.append(route)
        # So far away that no attempt of the page's own comes first.
        route.fulfill(status=503, headers={"Retry-After": "3600"}, json={"detail": "Not now."})

    page.route("**/api/orders?*", refuse)
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="Not now.")).to_be_visible()
    page.get_by_role("searchbox").fill("half a")
    page.unroute("**/api/orders?*")
    page.get_by_role("button", name="Try again").click()
    expect(row_of(page, order["_id"])).to_be_visible()
    expect(page.get_by_text("Not now.")).to_have_count(0)
    expect(page.get_by_role("searchbox")).to_have_value("half a")
    assert len(asked) == 1


def test_the_open_console_asks_for_no_token(look: Look, open_shop: Shop) -> None:
    order = open_shop.place(open_shop.add_item())
    page = look("#/orders", at=open_shop)
    expect(row_of(page, order["_id"])).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
