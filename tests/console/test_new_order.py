"""Placing an order."""

import re
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.console.accessible import assert_accessible
from tests.console.looking import Look, heading, screenshot
from tests.console.shop import Shop

_REFUSED = r"the server responded with a status of 4\d\d"
_UNREACHED = "request failed|Failed to load resource"
_NO_ITEM = "64b0000000000000000000ff"


def _line(page: Page, number: int) -> Locator:
    return page.get_by_role("group", name=f"Line {number}", exact=True)


def _fill(page: Page, number: int, item: str, quantity: str) -> None:
    line = _line(page, number)
    line.get_by_label("Item's id").fill(item)
    line.get_by_label("Quantity").fill(quantity)


def _add_text(page: Page, number: int, name: str, value: str) -> None:
    page.get_by_role("button", name="Add a text").click()
    text = page.get_by_role("group", name=f"Text {number}", exact=True)
    text.get_by_label("Name").fill(name)
    text.get_by_label("Text", exact=True).fill(value)


def _placing(page: Page) -> Locator:
    return page.get_by_role("button", name="Place an order")


def _made(page: Page) -> Locator:
    return page.get_by_role("status").filter(has=page.get_by_role("heading"))


def _key(page: Page) -> str:
    return page.locator(".hint code").inner_text()


def _posts(page: Page) -> list[Request]:
    """Every order that the page sends from now on."""
    sent: list[Request] = []
    page.on("request", lambda each: sent.append(each) if each.method == "POST" else None)
    return sent


def _orders(shop: Shop, reference: str) -> list[Any]:
    found = shop.ask("GET", f"/api/orders?reference={reference}").json()["orders"]
    assert isinstance(found, list)
    return found


def _expect_complaint(field: Locator, reason: str) -> None:
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(reason))


def test_an_order_of_several_lines_is_placed(look: Look, shop: Shop) -> None:
    first, second = shop.add_item(price="12.95"), shop.add_item(price="1.05")
    page = look("#/new")
    _fill(page, 1, first, "1")
    page.get_by_role("button", name="Add a line").click()
    expect(_line(page, 2).get_by_label("Item's id")).to_be_focused()
    _fill(page, 2, f" {second.upper()} ", "2")
    page.get_by_label("Reference").fill("placed-by-hand")
    page.get_by_label("Hold for").fill("900")
    _add_text(page, 1, "__proto__", "<b>kept</b>")
    _add_text(page, 2, "قناة", "ויב")
    _add_text(page, 3, "", "")
    _placing(page).click()
    expect(_made(page)).to_contain_text("The order is made")
    expect(_made(page)).to_contain_text("RESERVED held until it is confirmed")
    expect(_made(page)).to_contain_text("€15.05")
    expect(page.get_by_role("heading", name="The order is made")).to_be_focused()
    (order,) = _orders(shop, "placed-by-hand")
    assert [(line["itemId"], line["quantity"]) for line in order["lines"]] == [
        (first, 1),
        (second, 2),
    ]
    assert order["metadata"] == {"__proto__": "<b>kept</b>", "قناة": "ויב"}
    _made(page).get_by_role("link").click()
    expect(heading(page)).to_have_text(f"Order {order['_id']}")


def test_a_double_click_and_a_held_key_make_one_order(look: Look, shop: Shop) -> None:
    page = look("#/new")
    sent = _posts(page)
    _fill(page, 1, shop.add_item(), "1")
    page.get_by_label("Reference").fill("clicked-twice")
    _placing(page).dblclick()
    expect(_made(page)).to_contain_text("The order is made")
    # Whatever the second click met: neither the form nor another order.
    page.get_by_role("button", name="Place a different one").click()
    _fill(page, 1, shop.add_item(), "1")
    reference = page.get_by_label("Reference")
    reference.fill("entered-twice")
    reference.press("Enter")
    page.keyboard.press("Enter")
    expect(_made(page)).to_contain_text("The order is made")
    assert len(_orders(shop, "clicked-twice")) == len(_orders(shop, "entered-twice")) == 1
    assert len(sent) == 2


def test_an_order_whose_answer_was_lost_is_sent_again_with_its_key(look: Look, shop: Shop) -> None:
    look.allows(_UNREACHED)
    page = look("#/new")
    sent = _posts(page)
    _fill(page, 1, shop.add_item(), "1")
    page.get_by_label("Reference").fill("answer-lost")

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/orders", lose)
    _placing(page).click()
    expect(page.get_by_role("alert")).to_contain_text("can't be reached")
    expect(page.get_by_role("alert")).to_contain_text("keeps it from being made twice")
    page.unroute("**/api/orders")
    key = _key(page)
    # Who changes it and changes it back means the same order again.
    page.get_by_label("Reference").fill("something else")
    assert _key(page) != key
    page.get_by_label("Reference").fill("answer-lost")
    assert _key(page) == key
    _placing(page).click()
    expect(_made(page)).to_contain_text("The order was made before")
    assert [each.headers["idempotency-key"] for each in sent] == [key, key]
    assert len(_orders(shop, "answer-lost")) == 1
    page.get_by_role("button", name="Place another one like it").click()
    assert _key(page) != key
    expect(page.get_by_label("Reference")).to_have_value("answer-lost")
    expect(_line(page, 1).get_by_label("Item's id")).to_be_focused()


def test_an_order_that_waits_for_the_inventory_is_told_as_such(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    order = shop.place(item) | {"status": "PENDING", "totalPrice": None}
    page = look("#/new")
    page.route(
        "**/api/orders",
        lambda route: route.fulfill(status=202, json={"order": order}),
    )
    _fill(page, 1, item, "1")
    _placing(page).click()
    expect(_made(page)).to_contain_text("The inventory has not answered yet.")
    expect(_made(page)).to_contain_text("PENDING the stock is being taken")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_every_bad_field_is_told_at_its_field(
    look: Look, shop: Shop, scheme: Literal["light", "dark"], width: int
) -> None:
    look.allows(_REFUSED)
    page = look("#/new", scheme=scheme, width=width)
    item = shop.add_item()
    _fill(page, 1, item, "")
    for number, (given, quantity) in enumerate([("nonsense", "2.5"), (item, "0")], 2):
        page.get_by_role("button", name="Add a line").click()
        _fill(page, number, given, quantity)
    page.get_by_label("Reference").fill("r" * 65)
    page.get_by_label("Hold for").fill("soon")
    _add_text(page, 1, "n" * 41, "v" * 501)
    _add_text(page, 2, "a.b[0]", "v" * 501)
    _placing(page).click()
    _expect_complaint(_line(page, 1).get_by_label("Quantity"), "is missing")
    expect(_line(page, 1).get_by_label("Quantity")).to_be_focused()
    _expect_complaint(_line(page, 2).get_by_label("Item's id"), "24 digits and letters")
    _expect_complaint(_line(page, 2).get_by_label("Quantity"), "whole number")
    _expect_complaint(_line(page, 3).get_by_label("Quantity"), "at least 1")
    _expect_complaint(_line(page, 3).get_by_label("Item's id"), "line 1")
    _expect_complaint(page.get_by_label("Reference"), "64 .* The shop's own number")
    _expect_complaint(page.get_by_label("Hold for"), "whole number")
    first, second = page.get_by_label("Name").all()
    _expect_complaint(first, "at most 40")
    expect(second).not_to_have_attribute("aria-invalid", "true")
    for value in page.get_by_label("Text", exact=True).all():
        _expect_complaint(value, "at most 500")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page)
    screenshot(page, f"new-order-{scheme}-{width}")
    # The reason goes with the line, and goes away with what was wrong.
    page.get_by_role("button", name="Remove line 1").click()
    _expect_complaint(_line(page, 1).get_by_label("Item's id"), "24 digits and letters")
    _line(page, 1).get_by_label("Item's id").fill(item)
    expect(_line(page, 1).get_by_label("Item's id")).not_to_have_attribute("aria-invalid", "true")


def test_short_and_missing_items_are_told_at_their_lines(look: Look, shop: Shop) -> None:
    look.allows(_REFUSED)
    item = shop.add_item(stock=1)
    page = look("#/new")
    sent = _posts(page)
    _fill(page, 1, item, "5")
    page.get_by_role("button", name="Add a line").click()
    _fill(page, 2, _NO_ITEM, "1")
    _placing(page).click()
    _expect_complaint(_line(page, 1).get_by_label("Quantity"), "1 in stock, and 5 were asked for")
    _expect_complaint(_line(page, 2).get_by_label("Item's id"), "no such item")
    page.get_by_role("button", name="Remove line 2").click()
    _placing(page).click()
    _expect_complaint(_line(page, 1).get_by_label("Quantity"), "1 in stock, and 5 were asked for")
    shop.system.items.set_stock(item, 9)
    page.get_by_role("button", name="Take a new key").click()
    _placing(page).click()
    expect(_made(page)).to_contain_text("COMPLETED sold")
    assert len({each.headers["idempotency-key"] for each in sent}) == 3


def test_lines_are_added_and_removed_with_the_keyboard(look: Look, shop: Shop) -> None:
    page = look("#/new")
    expect(page.get_by_role("button", name="Remove line 1")).to_be_hidden()
    adding = page.get_by_role("button", name="Add a line")
    for number in (2, 3):
        adding.press("Enter")
        expect(_line(page, number).get_by_label("Item's id")).to_be_focused()
    for number in (1, 2, 3):
        _fill(page, number, f"item {number}", "1")
    page.get_by_role("button", name="Remove line 2").press("Enter")
    expect(_line(page, 2).get_by_label("Item's id")).to_have_value("item 3")
    expect(page.get_by_role("button", name="Remove line 2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(_line(page, 1).get_by_label("Item's id")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("The line was removed. 1 is left.")
    page.evaluate(
        "for (let n = 1; n < 100; n += 1)"
        " [...document.querySelectorAll('button')]"
        ".find((b) => b.textContent === 'Add a line').click()"
    )
    expect(_line(page, 100)).to_be_visible()
    expect(adding).to_be_disabled()
    page.get_by_role("button", name="Remove line 100").click()
    expect(adding).to_be_enabled()


def test_a_name_that_is_given_twice_is_not_sent(look: Look, shop: Shop) -> None:
    page = look("#/new")
    sent = _posts(page)
    _fill(page, 1, shop.add_item(), "1")
    _add_text(page, 1, "channel", "web")
    _add_text(page, 2, "channel", "shop")
    _placing(page).click()
    _expect_complaint(page.get_by_label("Name").nth(1), "given twice")
    expect(page.get_by_label("Name").nth(1)).to_be_focused()
    page.get_by_role("button", name="Remove text 2").click()
    _placing(page).click()
    expect(_made(page)).to_contain_text("The order is made")
    assert len(sent) == 1


def test_items_that_were_seen_lately_are_suggested(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=30)
    shop.place(item, quantity=2)
    page = look("#/new")
    expect(page.locator(f"datalist option[value='{item}']")).to_be_attached()
    page = look("#/new", token=shop.token("ada", "orders:read orders:write"))
    expect(page.locator(f"datalist option[value='{item}']")).to_have_attribute(
        "label", "ordered lately"
    )


def test_a_page_that_came_without_tls_makes_keys_too(look: Look, shop: Shop) -> None:
    page = look("#/orders")
    page.evaluate("delete Crypto.prototype.randomUUID")
    page.goto(f"{shop.url}/console#/new")
    expect(page.locator(".hint code")).to_have_text(re.compile("^[0-9a-f]{32}$"))


def test_who_may_not_place_orders_is_told_the_scope(look: Look, shop: Shop) -> None:
    page = look("#/new", token=shop.token("ada", "orders:read"))
    expect(_placing(page)).to_be_disabled()
    expect(page.get_by_text("lacks the scope orders:write")).to_be_visible()
