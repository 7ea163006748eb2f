"""Tables that are read anew while somebody is in them."""

from playwright.sync_api import expect

from tests.console.looking import Look
from tests.console.shop import Shop


def test_a_new_row_leaves_the_keyboard_where_it_is(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    known = shop.place(item)
    page = look("#/orders")
    link = page.get_by_role("link", name=known["_id"])
    link.focus()
    new = shop.place(item)
    expect(page.get_by_role("link", name=new["_id"])).to_be_visible()
    expect(link).to_be_focused()
