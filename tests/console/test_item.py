"""An item: its stock over time, its changes, what the books say, and the items seen lately."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from playwright.sync_api import Locator, Page, expect

from tests.console.accessible import assert_accessible
from tests.console.looking import Look, heading, screenshot
from tests.console.shop import Shop
from tests.waiting import until

PAGE = 25
MINUS = "\N{MINUS SIGN}"
ODD = '<script>alert("1")</script> \N{SNOWMAN}'
# What Chromium says of every answer that is no success.
NOT_FOUND = r"console, error: .* 404 "
UNAVAILABLE = r"console, error: .* 503 "
# The stock went from 10 to 8, and from 7 to 5: nobody logged the one between.
WITH_A_JUMP = [(10, 8), (7, 5), (5, 30)]


def log(
    shop: Shop, item: str, steps: Sequence[tuple[int, int]], ago: timedelta = timedelta(hours=1)
) -> list[str]:
    """Changes as the log has them, a minute apart, the first one so long ago; their ids."""
    start = datetime.now(UTC).replace(microsecond=0) - ago
    entries = [
        {
            "_id": ObjectId.from_datetime(start + timedelta(minutes=number)),
            "event": "STOCK_UPDATED",
            "itemId": item,
            "previousStock": previous,
            "newStock": new,
            "changeType": "reduced" if new < previous else "added",
            "changeAmount": abs(new - previous),
            "updatedAt": start + timedelta(minutes=number),
            "createdAt": start + timedelta(minutes=number),
            "payload": {"itemId": item, "newStock": new, "note": ODD},
            "source": {"topic": item, "partition": 0, "offset": number},
        }
        for number, (previous, new) in enumerate(steps)
    ]
    # Of one second there may be several.
    for number, entry in enumerate(entries):
        entry["_id"] = ObjectId(entry["_id"].binary[:4] + number.to_bytes(8))
    shop.system.database["stock_changes"].insert_many(entries)
    return [str(entry["_id"]) for entry in entries]


def await_log(shop: Shop, item: str, number: int) -> None:
    changes = shop.system.database["stock_changes"]
    until(lambda: changes.count_documents({"itemId": item}) == number, "the log has it", 20)


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def cursor(page: Page) -> Locator:
    return page.get_by_role("slider")


def changes(page: Page) -> Locator:
    return panel(page, "Changes in this time").locator("tbody tr")


def choose(page: Page, name: str) -> None:
    page.get_by_role("group", name="Time").get_by_role("button", name=name, exact=True).click()


# --- the item now


def test_an_item_is_shown_as_the_inventory_has_it_and_goes_on_being_so(
    look: Look, shop: Shop
) -> None:
    item = shop.add_item(stock=7, price="19.99", name=ODD)
    page = look(f"#/items/{item.upper()}")
    now = panel(page, "In the inventory now")
    for text in (ODD, "For a test", "7", "€19.99"):
        expect(now).to_contain_text(text)
    shop.system.items.set_stock(item, 1234)
    expect(now).to_contain_text("1,234")


def test_what_the_log_knows_of_an_item_that_is_gone_is_shown(look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    item = str(ObjectId())
    log(shop, item, WITH_A_JUMP)
    page = look(f"#/items/{item}")
    expect(panel(page, "In the inventory now")).to_contain_text("has no such item")
    expect(changes(page)).to_have_count(3)


def test_the_rest_is_shown_while_the_inventory_is_away(look: Look, shop: Shop) -> None:
    # The list asks for every item that another test left in the log, too.
    look.allows(UNAVAILABLE, NOT_FOUND)
    item = shop.add_item()
    log(shop, item, WITH_A_JUMP)
    page = look("#/items")
    problem = {"detail": "The inventory is away.", "code": "inventory_unavailable"}
    page.route(f"**/api/items/{item}", lambda route: route.fulfill(status=503, json=problem))
    page.get_by_label("An item's id").fill(f" {item.upper()} ")
    page.get_by_role("button", name="Show the item").click()
    expect(page.get_by_role("alert")).to_contain_text("The inventory is away.")
    expect(changes(page)).to_have_count(3)
    expect(cursor(page)).to_be_visible()
    page.unroute(f"**/api/items/{item}")
    expect(panel(page, "In the inventory now")).to_contain_text("A thing", timeout=60_000)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_no_items_id_is_not_asked_for(look: Look) -> None:
    look.allows(NOT_FOUND)
    page = look("#/items/nobody%27s")
    expect(page.get_by_text("This is no item's id")).to_be_visible()
    page.get_by_role("link", name="To the items").click()
    expect(heading(page)).to_have_text("Items")


# --- its stock


def test_the_stock_is_told_step_by_step_to_the_keyboard(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=10)
    log(shop, item, WITH_A_JUMP)
    page = look(f"#/items/{item}")
    cursor(page).focus()
    said = []
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        cursor(page).press(key)
        said.append(cursor(page).get_attribute("aria-valuetext"))
    # Nothing is logged before the first change, which tells what was there before it.
    assert [re.search(r": (\d+ units)", text)[1] for text in said] == [
        "10 units",
        "8 units",
        "5 units",
        "30 units",
    ]
    jump = "jump: the change before left 8, and this one began at 7"
    assert [jump in text for text in said] == [False, False, True, False]
    cursor(page).press("ArrowLeft")
    expect(panel(page, "Stock over time").locator(".readout")).to_contain_text("5 units jump")
    screenshot(page, "item")


def test_the_keyboards_place_in_the_chart_stays_while_the_stock_changes(
    look: Look, shop: Shop
) -> None:
    item = shop.add_item(stock=10)
    shop.place(item)
    await_log(shop, item, 1)
    page = look(f"#/items/{item}?range=15m")
    cursor(page).focus()
    # The beginning of the time goes on with the time; the order, next to it, stays.
    cursor(page).press("Home")
    cursor(page).press("ArrowRight")
    said = cursor(page).get_attribute("aria-valuetext")
    shop.place(item, 3)
    await_log(shop, item, 2)
    expect(changes(page)).to_have_count(2)
    expect(cursor(page)).to_have_attribute("aria-valuemax", "4")
    expect(cursor(page)).to_be_focused()
    expect(cursor(page)).to_have_attribute("aria-valuetext", said)


def test_the_pointer_reads_the_stock_too(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=10)
    log(shop, item, WITH_A_JUMP)
    page = look(f"#/items/{item}?range=hour")
    drawing = panel(page, "Stock over time").locator(".plot > svg")
    drawing.hover(position={"x": drawing.bounding_box()["width"] - 20, "y": 50})
    expect(page.locator(".readout")).to_contain_text("30 units")


def test_our_orders_are_marked_in_it_and_lead_to_themselves(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=10)
    order = shop.place(item, 2)
    await_log(shop, item, 1)
    page = look(f"#/items/{item}?range=15m")
    name = f"order {order['_id']} of 2, COMPLETED"
    stock = panel(page, "Stock over time")
    expect(stock.locator("a.mark")).to_have_accessible_name(name)
    cursor(page).press("Home")
    cursor(page).press("ArrowRight")
    stock.locator(".readout").get_by_role("link", name=name).click()
    expect(page).to_have_url(re.compile(f"#/orders/{order['_id']}$"))


def test_orders_that_moved_nothing_are_not_marked(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=10)
    sold, given_back = shop.place(item, 2), shop.place(item, 3)
    shop.cancel(given_back["_id"])
    refused = shop.ask("POST", "/api/orders", json={"itemId": item, "quantity": 100})
    assert refused.json()["code"] == "insufficient_stock"
    await_log(shop, item, 3)
    page = look(f"#/items/{item}?range=15m")
    marks = panel(page, "Stock over time").locator("a.mark")
    expect(marks).to_have_count(2)
    told = " ".join(marks.nth(place).get_attribute("aria-label") or "" for place in range(2))
    assert sold["_id"] in told
    assert given_back["_id"] in told


def test_it_is_said_where_more_orders_are_than_are_marked(look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    item = shop.add_item()
    order = shop.place(item)
    await_log(shop, item, 1)
    page = look("#/items")
    answer = {"orders": [order], "nextCursor": "more"}
    page.route("**/api/orders?itemId=*status=COMPLETED*", lambda route: route.fulfill(json=answer))
    page.get_by_role("link", name=item).click()
    expect(page.get_by_text("The newest 100 orders are marked; there are more.")).to_be_visible()


def test_another_time_is_chosen_and_stays_in_the_address(look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    item = str(ObjectId())
    log(shop, item, WITH_A_JUMP, ago=timedelta(days=3))
    page = look(f"#/items/{item}")
    expect(page.get_by_text("Nothing changed in this time.")).to_be_visible()
    expect(changes(page)).to_have_count(0)
    choose(page, "Week")
    expect(changes(page)).to_have_count(3)
    expect(page).to_have_url(re.compile("range=week$"))
    choose(page, "Earlier")
    expect(page.get_by_text("The log knows no change of this item in this time")).to_be_visible()
    expect(page).to_have_url(re.compile("range=week&until="))
    choose(page, "Later")
    expect(changes(page)).to_have_count(3)
    expect(page.get_by_role("button", name="Week", pressed=True)).to_be_visible()
    choose(page, "Hour")
    page.get_by_role("button", name="Show it").click()
    expect(changes(page)).to_have_count(3)
    expect(page.get_by_role("button", name="15 minutes")).to_be_focused()


def test_it_is_said_that_many_changes_are_not_shown_one_by_one(look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    item = str(ObjectId())
    log(shop, item, [(left, left - 1) for left in range(900, 399, -1)], timedelta(hours=10))
    page = look(f"#/items/{item}")
    expect(page.get_by_text("More than 500 changes are in this time")).to_be_visible()
    expect(changes(page)).to_have_count(PAGE)
    screenshot(page, "item-many")


def test_an_item_without_changes_says_so(look: Look, shop: Shop) -> None:
    page = look(f"#/items/{shop.add_item()}")
    expect(page.get_by_text("The log knows no change of this item")).to_be_visible()
    expect(page.get_by_text("The log has no change of this item in this time.")).to_be_visible()


# --- its changes


def test_a_change_is_told_with_the_record_and_the_event_as_it_came(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=10)
    log(shop, item, WITH_A_JUMP)
    page = look(f"#/items/{item}")
    newest, middle, oldest = (changes(page).nth(place) for place in range(3))
    for text in ("5 → 30", "+25", f"{item}/0/2"):
        expect(newest).to_contain_text(text)
    expect(middle).to_contain_text("7 → 5 jump")
    expect(oldest).to_contain_text(MINUS + "2")
    expect(oldest).not_to_contain_text("jump")
    oldest.get_by_text("Payload").click()
    expect(oldest.locator("pre")).to_contain_text(ODD.replace('"', '\\"'))


def test_a_page_that_is_left_open_does_not_grow_for_ever(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=1000)
    log(shop, item, [(left, left - 1) for left in range(1520, 1000, -1)], timedelta(hours=10))
    page = look(f"#/items/{item}")
    older = page.get_by_role("button", name="Older changes")
    for known in range(PAGE, 500, PAGE):
        expect(changes(page)).to_have_count(known)
        older.click()
    expect(changes(page)).to_have_count(500)
    shop.system.items.set_stock(item, 1500)
    expect(changes(page).first).to_contain_text("1,500")
    expect(changes(page)).to_have_count(PAGE)


def test_older_changes_are_put_behind_and_new_ones_before(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=500)
    log(shop, item, [(left, left - 1) for left in range(530, 500, -1)])
    page = look(f"#/items/{item}")
    expect(changes(page)).to_have_count(PAGE)
    page.get_by_role("button", name="Older changes").press("Enter")
    expect(changes(page)).to_have_count(30)
    expect(changes(page).nth(PAGE).get_by_text("Payload")).to_be_focused()
    expect(changes(page).last).to_contain_text("530 → 529")
    expect(page.get_by_role("button", name="Older changes")).to_be_hidden()
    shop.place(item, 3)
    expect(changes(page)).to_have_count(31)
    expect(changes(page).first).to_contain_text("500 → 497")


# --- the books


def test_books_that_agree_say_so(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=10)
    shop.place(item, 2)
    await_log(shop, item, 1)
    page = look(f"#/items/{item}")
    page.get_by_role("button", name="Compare the books").click()
    books = panel(page, "Do the books agree?")
    expect(books.locator(".state")).to_contain_text(re.compile("The books agree"))
    for term in ("Taken by orders", "In the log"):
        expect(books.locator(".facts")).to_contain_text(f"{term}{MINUS}2 in 1 change")


def test_a_finding_stands_in_the_chart_and_at_its_change(look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    item = str(ObjectId())
    _, later, _ = log(shop, item, WITH_A_JUMP)
    page = look(f"#/items/{item}")
    expect(changes(page)).to_have_count(3)
    page.get_by_role("button", name="Compare the books").click()
    books = panel(page, "Do the books agree?")
    expect(books.locator(".state")).to_contain_text("The books differ: 1 finding.")
    expect(books).to_contain_text("Missing change: the stock went from 8")
    expect(books).to_contain_text(later)
    expect(changes(page).nth(1)).to_contain_text("the books differ")
    expect(changes(page).nth(0)).not_to_contain_text("the books differ")
    screenshot(page, "item-books")
    books.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("range=15m&until="))
    for key in ("Home", "ArrowRight", "ArrowRight"):
        cursor(page).press(key)
    expect(cursor(page)).to_have_attribute(
        "aria-valuetext", re.compile("the books differ: missing change")
    )
    # The report outlives another time.
    expect(books).to_contain_text("Missing change")


def test_books_too_long_to_compare_say_what_to_do(look: Look, shop: Shop) -> None:
    look.allows(r"console, error: .* 400 ")
    page = look(f"#/items/{shop.add_item()}")
    problem = {"detail": "There is too much to compare.", "code": "too_much_to_compare"}
    page.route("**/reconciliation?*", lambda route: route.fulfill(status=400, json=problem))
    page.get_by_role("button", name="Compare the books").click()
    alert = panel(page, "Do the books agree?").get_by_role("alert")
    expect(alert).to_contain_text("There is too much to compare.")
    expect(alert.get_by_role("button")).to_have_count(0)


# --- who may


def test_what_a_token_lacks_is_named_and_the_rest_is_shown(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    shop.place(item)
    await_log(shop, item, 1)
    page = look(f"#/items/{item}", token=shop.token(scope="stock:read"))
    expect(changes(page)).to_have_count(1)
    expect(page.get_by_text("your token lacks the scope orders:read")).to_be_visible()
    expect(page.get_by_role("button", name="Compare the books")).to_be_disabled()
    expect(page.get_by_text("Your token lacks the scope orders:admin")).to_be_visible()
    page = look(f"#/items/{item}", token=shop.token(scope="orders:read"))
    expect(page.get_by_role("alert")).to_contain_text("Your token lacks the scope stock:read.")


# --- the items


def test_the_items_seen_lately_are_listed_with_what_is_known(look: Look, shop: Shop) -> None:
    look.allows(NOT_FOUND)
    ordered, changed = shop.add_item(stock=10, name="An ordered thing"), shop.add_item(stock=5)
    gone = str(ObjectId())
    log(shop, gone, WITH_A_JUMP, ago=timedelta(minutes=3))
    shop.place(ordered, 2)
    shop.system.items.set_stock(changed, 4321)
    await_log(shop, ordered, 1)
    await_log(shop, changed, 1)
    page = look("#/items")
    row = page.get_by_role("row").filter(has_text=ordered)
    for text in ("An ordered thing", "€9.99", "8"):
        expect(row).to_contain_text(text)
    expect(page.get_by_role("row").filter(has_text=changed)).to_contain_text("4,321")
    expect(page.get_by_role("row").filter(has_text=gone)).to_contain_text("the inventory has none")
    link = page.get_by_role("link", name=changed)
    link.focus()
    shop.system.items.set_stock(changed, 4322)
    expect(page.get_by_role("row").filter(has_text=changed)).to_contain_text("4,322")
    expect(page.get_by_role("link", name=changed)).to_be_focused()
    screenshot(page, "items")


def test_a_change_of_what_can_be_no_item_hides_no_other(look: Look, shop: Shop) -> None:
    """Whoever writes to the topic may call an item anything."""
    look.allows(NOT_FOUND)
    item = shop.add_item(name="A thing that is hidden by nothing")
    shop.place(item)
    await_log(shop, item, 1)
    page = look("#/orders")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    log(shop, "../orders?limit=1&x=", [(1, 2)], ago=-timedelta(seconds=1))
    page.get_by_role("link", name="Items", exact=True).click()
    row = page.get_by_role("row").filter(has_text=item)
    expect(row).to_contain_text("A thing that is hidden by nothing")
    expect(page.get_by_role("row").filter(has_text="../orders")).to_have_count(0)
    assert not [url for url in asked if "x=" in url]


def test_the_items_are_listed_as_far_as_the_token_goes(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    shop.place(item)
    page = look("#/items", token=shop.token(scope="orders:read"))
    expect(page.get_by_role("link", name=item)).to_be_visible()
    expect(page.get_by_text("Your token lacks the scope stock:read")).to_be_visible()


def test_a_wrong_id_is_told_at_once(look: Look) -> None:
    look.allows(NOT_FOUND)
    page = look("#/items")
    page.get_by_label("An item's id").fill("nobody's")
    page.get_by_role("button", name="Show the item").click()
    expect(page.get_by_text("An item's id is 24 digits and letters from a to f.")).to_be_visible()


# --- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_an_item_that_differs_is_for_everybody(
    look: Look, shop: Shop, scheme: Any, width: int
) -> None:
    item = shop.add_item(stock=30, name="W" * 200)
    log(shop, item, WITH_A_JUMP)
    shop.place(item)
    await_log(shop, item, len(WITH_A_JUMP) + 1)
    page = look(f"#/items/{item}", scheme=scheme, width=width, timezone_id="Asia/Kathmandu")
    expect(changes(page)).to_have_count(4)
    page.get_by_role("button", name="Compare the books").click()
    books = panel(page, "Do the books agree?")
    expect(books.locator(".state")).to_contain_text("The books differ")
    cursor(page).press("Home")
    screenshot(page, f"item-differs-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
