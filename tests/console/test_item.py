"""One item: what the inventory has, its stock over time, its changes and its books."""

import json

from playwright.sync_api import Page, expect

from tests.console.looking import Look, heading, screenshot
from tests.console.shop import Shop
from tests.waiting import until

_UNAVAILABLE = r"console, error: .* 503 "
_NOT_FOUND = r"console, error: .* 404 "


def _logged(shop: Shop, item: str, number: int) -> None:
    def count() -> int:
        found = shop.ask("GET", f"/api/stock-changes?itemId={item}").json()
        return len(found["stockChanges"])

    until(lambda: count() >= number, f"{number} changes in the log")


def _cursor(page: Page) -> str:
    slider = page.get_by_role("slider", name="Cursor: Stock over time")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    return str(slider.get_attribute("aria-valuetext"))


def test_an_items_stock_is_drawn_with_our_orders_in_it(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=100, name="Espresso cup")
    for quantity in (1, 2, 3):
        shop.place(item, quantity)
    _logged(shop, item, 3)
    page = look(f"#/items/{item}?range=15m")
    expect(page.get_by_text("Espresso cup")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="97 → 94")).to_be_visible()
    expect(page.locator("svg .series").first).to_be_visible()
    expect(page.get_by_text("An order of ours", exact=True)).to_be_visible()
    said = _cursor(page)
    assert "units" in said or "order" in said, said
    screenshot(page, "item")


def test_a_change_that_comes_while_one_looks_is_shown(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=100)
    shop.place(item)
    _logged(shop, item, 1)
    page = look(f"#/items/{item}")
    expect(page.get_by_role("row").filter(has_text="100 → 99")).to_be_visible()
    shop.place(item, 9)
    expect(page.get_by_role("row").filter(has_text="99 → 90")).to_be_visible()


def test_a_jump_that_nobody_can_explain_stands_out(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=100)
    shop.place(item)
    _logged(shop, item, 1)
    page = look(f"#/items/{item}")
    expect(page.get_by_role("row").filter(has_text="100 → 99")).to_be_visible()
    series = shop.ask("GET", f"/api/items/{item}/stock").json()
    series["points"].append({"at": series["to"], "stock": 40, "jump": True})
    page.route("**/stock?*", lambda route: route.fulfill(json=series))
    expect(page.get_by_text("Nobody can explain this", exact=True)).to_be_visible()
    expect(page.get_by_text("1 change did not begin where the change before ended")).to_be_visible()


def test_the_books_are_compared_when_asked(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=100)
    shop.place(item)
    _logged(shop, item, 1)
    page = look(f"#/items/{item}")
    page.get_by_role("button", name="Compare the books").click()
    expect(page.get_by_text("The books agree").first).to_be_visible()


def test_a_finding_is_told_in_a_sentence(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=100)
    shop.place(item)
    _logged(shop, item, 1)
    page = look(f"#/items/{item}")
    answer = shop.ask("GET", f"/api/items/{item}/reconciliation").json()
    finding = {
        "kind": "lost_update",
        "differs": True,
        "mayNotBeLoggedYet": False,
        "text": "An update was lost: <b>somebody</b> wrote between.",
        "orders": [],
        "stockChanges": [],
        "at": None,
    }
    answer["report"] |= {"agrees": False, "findings": [finding]}
    page.route("**/reconciliation?*", lambda route: route.fulfill(body=json.dumps(answer)))
    page.get_by_role("button", name="Compare the books").click()
    expect(page.get_by_text("An update was lost: <b>somebody</b> wrote between.")).to_be_visible()


def test_an_item_that_is_not_there_is_a_state(look: Look, shop: Shop) -> None:
    look.allows(_NOT_FOUND)
    page = look(f"#/items/{'0' * 24}")
    expect(page.get_by_text("The inventory has no such item.")).to_be_visible()
    page = look("#/items/x")
    expect(page.get_by_text("This is no item's id")).to_be_visible()


def test_the_inventorys_absence_leaves_the_rest_of_the_view(look: Look, shop: Shop) -> None:
    look.allows(_UNAVAILABLE)
    item = shop.add_item(stock=100)
    shop.place(item)
    _logged(shop, item, 1)
    page = look("#/orders")
    problem = {"code": "inventory_unavailable", "detail": "The inventory does not answer."}
    page.route(f"**/api/items/{item}", lambda route: route.fulfill(status=503, json=problem))
    page.goto(f"{shop.url}/console#/items/{item}")
    expect(page.get_by_text("The inventory does not answer.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="100 → 99")).to_be_visible()


def test_items_seen_lately_lead_to_an_item(look: Look, shop: Shop) -> None:
    item = shop.add_item(name="Milk jug")
    shop.place(item)
    page = look("#/items")
    expect(page.get_by_role("row").filter(has_text=item)).to_contain_text("Milk jug")
    page.get_by_role("link", name=item).click()
    expect(heading(page)).to_have_text("Item")
    page = look("#/items")
    page.get_by_label("An item's id").fill(item.upper())
    page.get_by_role("button", name="Show the item").click()
    expect(page.get_by_text("Milk jug")).to_be_visible()
