"""The list of orders."""

from playwright.sync_api import expect

from tests.console.looking import Look, screenshot
from tests.console.shop import Shop


def test_an_order_arrives_while_one_looks(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    shop.place(item)
    page = look("#/orders")
    expect(page.get_by_role("table")).to_be_visible()
    order = shop.place(item, reference="arrives")
    row = page.get_by_role("row").filter(has_text=order["_id"])
    expect(row).to_contain_text("COMPLETED")
    expect(row).to_contain_text("arrives")
    screenshot(page, "orders-live")


def test_the_open_console_asks_for_no_token(look: Look, open_shop: Shop) -> None:
    order = open_shop.place(open_shop.add_item())
    page = look("#/orders", at=open_shop)
    expect(page.get_by_role("link", name=order["_id"])).to_be_visible()
