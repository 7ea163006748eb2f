"""One order: its facts, its history, and what can be done with it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from order_service.domain.history import ActorKind, Change
from tests.console.accessible import assert_accessible
from tests.console.looking import Look, heading, screenshot
from tests.console.shop import Shop

_REFUSED = r"the server responded with a status of 4\d\d"


def _fact(page: Page, name: str) -> Locator:
    return page.locator("dl.facts > dt", has_text=re.compile(f"^{name}$")).locator(
        "xpath=following-sibling::dd[1]"
    )


def _said(page: Page) -> Locator:
    """What the API answered to what was done."""
    return page.locator(".outcome")


def _entries(page: Page) -> Locator:
    return page.get_by_role("listitem").filter(has=page.locator("p.happened"))


def _told(page: Page, count: int) -> list[Locator]:
    expect(_entries(page)).to_have_count(count)
    return _entries(page).all()


def _do(page: Page, action: str, answer: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{action}")).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile(f"^{answer}")).click()


def _changed(route: Route, change: Any) -> None:
    """Passes the answer on, with its JSON changed."""
    answer = route.fetch()
    if answer.status == 304:
        route.fulfill(response=answer)
        return
    body = answer.json()
    change(body)
    route.fulfill(response=answer, json=body)


def test_an_order_and_its_history_are_told_with_their_evidence(look: Look, shop: Shop) -> None:
    first, second = shop.add_item(stock=100, price="12.95"), shop.add_item(stock=50, price="0.125")
    order = shop.place({first: 2, second: 4}, reference="2026-17", metadata={"channel": "web"})
    page = look(f"#/orders/{order['_id']}", timezone_id="Europe/Berlin")
    expect(heading(page)).to_have_text(f"Order {order['_id']}")
    expect(_fact(page, "Status")).to_contain_text("COMPLETED sold")
    expect(_fact(page, "Total")).to_have_text("€26.40")
    expect(_fact(page, "Reference")).to_have_text("2026-17")
    expect(_fact(page, "Metadata")).to_contain_text("channelweb")
    placed = _fact(page, "Placed")
    expect(placed).to_contain_text(re.compile("ago|just now"))
    expect(placed).to_contain_text(re.compile("CES?T"))
    expect(placed).to_contain_text(order["createdAt"].replace("T", " ").replace("Z", " UTC"))
    row = page.get_by_role("row").filter(has_text=second)
    expect(row.get_by_role("cell")).to_have_text([second, "4", "€0.125", "€0.50"])
    expect(row.get_by_role("link")).to_have_attribute("href", f"#/items/{second}")
    placing, sale = _told(page, 2)
    expect(placing).to_contain_text("Placed PENDING")
    expect(placing).to_contain_text("by the caller ada")
    expect(sale).to_contain_text("Stock taken: sold COMPLETED")
    expect(sale).to_contain_text(f"2 of item {first}: stock 100 → 98")
    # The log hears of it after the order was answered.
    expect(sale).to_contain_text(re.compile(r"in the log as \S+, partition \d+, offset \d+"))
    expect(page.get_by_text("Not recorded")).to_have_count(0)


def test_every_event_and_every_actor_has_words(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    actors = [*ActorKind, "unknown"]
    told = [
        {
            "at": order["createdAt"],
            "status": "PENDING",
            "event": event,
            "actor": actors[number % len(actors)],
            "by": "Jo" if number % 2 else None,
            "recorded": number > 0,
            "evidence": {},
        }
        for number, event in enumerate(Change)
    ]
    page = look("#/orders")
    page.route("**/history", lambda route: route.fulfill(json={"history": told}))
    page.goto(f"{shop.url}/console#/orders/{order['_id']}")
    expect(_entries(page)).to_have_count(len(told))
    for words in _entries(page).locator(".happened .strong").all_inner_texts():
        assert not re.search("[A-Z]{2}|undefined|null", words)
    expect(_entries(page).filter(has_text="not recorded")).to_have_count(1)
    expect(page.get_by_text("the order's fields alone tell of the change")).to_be_visible()
    for words in ("by a caller without a name", "by the operator Jo", "nobody knows by whom"):
        expect(page.get_by_text(words).first).to_be_visible()


def test_all_kinds_of_evidence_are_shown(look: Look, shop: Shop) -> None:
    item = shop.add_item()
    order = shop.place(item, quantity=3)
    at = order["createdAt"]
    move = {"itemId": item, "previousStock": 9, "newStock": 2, "at": at}
    entry = {"at": at, "actor": "settlement", "by": "settlement", "recorded": True, "version": 2}
    told = [
        {
            **entry,
            "status": "RESERVED",
            "event": "ORDER_RESERVED",
            "evidence": {"stock": [move, {**move, "newStock": 9}], "expiresAt": at},
        },
        {
            **entry,
            "status": "RESERVED",
            "event": "ORDER_DECIDED",
            "evidence": {"outcome": "COMPLETED", "reason": "<b>counted</b> the shelf"},
        },
        {
            **entry,
            "status": "FAILED",
            "event": "ORDER_FAILED",
            "evidence": {
                "reason": "insufficient_stock",
                "items": [
                    {"itemId": item, "available": 1},
                    {"itemId": "64b0000000000000000000ff", "available": None},
                ],
            },
        },
    ]
    page = look("#/orders")
    page.route("**/history", lambda route: route.fulfill(json={"history": told}))
    page.goto(f"{shop.url}/console#/orders/{order['_id']}")
    reserved, decided, failed = _told(page, 3)
    expect(reserved).to_contain_text("stock 9 → 2 together with other orders")
    expect(reserved).to_contain_text("not in the log")
    expect(reserved).to_contain_text("so nothing was sent")
    expect(reserved).to_contain_text("Held until")
    expect(decided).to_contain_text("the changes in doubt were made")
    expect(decided).to_contain_text("Reason: <b>counted</b> the shelf")
    expect(failed).to_contain_text("insufficient_stock: the inventory had too little")
    expect(failed).to_contain_text("1 were left, and 3 were asked for")
    expect(failed).to_contain_text("There is no item 64b0000000000000000000ff")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_foreign_texts_are_texts_and_fit(
    look: Look, shop: Shop, scheme: Literal["light", "dark"], width: int
) -> None:
    metadata = {
        "<img src=x onerror=alert(1)>": "<script>alert(1)</script>",
        "قناة": "ويب \u202ebeware",
    }
    order = shop.place(shop.add_item(), reference="'\"><b>אבג", metadata=metadata)
    page = look("#/orders", scheme=scheme, width=width)

    def longer(body: Any) -> None:
        body["order"]["metadata"]["__proto__"] = "x" * 1_000_000

    page.route(f"**/api/orders/{order['_id']}", lambda route: _changed(route, longer))
    page.goto(f"{shop.url}/console#/orders/{order['_id']}")
    texts = _fact(page, "Metadata")
    expect(texts).to_contain_text("<img src=x onerror=alert(1)>")
    expect(texts).to_contain_text("<script>alert(1)</script>")
    expect(texts).to_contain_text("__proto__")
    expect(texts).to_contain_text("and 998,000 more characters")
    expect(_fact(page, "Reference").locator("bdi")).to_have_text("'\"><b>אבג")
    expect(_entries(page).last).to_contain_text("in the log as")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(page)
    screenshot(page, f"order-{scheme}-{width}")


def test_a_change_by_somebody_else_arrives_and_leaves_the_keyboard_where_it_is(
    look: Look, shop: Shop
) -> None:
    order = shop.place(shop.add_item(), holdSeconds=900)
    page = look(f"#/orders/{order['_id']}")
    link = page.get_by_role("table").get_by_role("link")
    link.focus()
    expect(_entries(page)).to_have_count(2)
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    shop.ask("POST", f"/api/orders/{order['_id']}/confirm", sub="grace")
    expect(_fact(page, "Status")).to_contain_text("COMPLETED")
    expect(_entries(page).last).to_contain_text("Confirmed: sold")
    expect(_entries(page).last).to_contain_text("by the caller grace")
    expect(link).to_be_focused()
    expect(page.locator("#announcer")).to_contain_text("The order is COMPLETED now")


def test_a_hold_runs_down_and_its_end_is_announced(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item(), holdSeconds=900)
    page = look("#/orders")

    def sooner(body: Any) -> None:
        body["order"]["expiresAt"] = (datetime.now(UTC) + timedelta(seconds=64)).isoformat()

    page.route(f"**/api/orders/{order['_id']}", lambda route: _changed(route, sooner))
    page.goto(f"{shop.url}/console#/orders/{order['_id']}")
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^ends in 1 min \d s$"))
    expect(page.locator("#announcer")).to_have_text("The hold is over in 1 minute.")
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^ends in 5\d s$"))


def test_a_held_order_is_confirmed_after_a_question(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item(price="20.00"), quantity=2, holdSeconds=900)
    page = look(f"#/orders/{order['_id']}")
    _do(page, "Confirm", "No")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Confirm")).to_be_focused()
    page.get_by_role("button", name="Confirm").click()
    question = page.get_by_role("dialog", name="Confirm this order?")
    expect(question).to_contain_text("€40.00")
    assert_accessible(page)
    screenshot(page, "order-question")
    with page.expect_request("**/confirm") as sent:
        question.get_by_role("button", name="Yes").click()
    assert re.fullmatch(r'"\d+"', sent.value.headers["if-match"])
    expect(_said(page)).to_have_text("The order is confirmed: it is sold.")
    expect(_said(page)).to_be_focused()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    assert shop.order(order["_id"])["status"] == "COMPLETED"


def test_a_sold_order_is_cancelled_after_a_question(look: Look, shop: Shop) -> None:
    item = shop.add_item(stock=7)
    order = shop.place(item, quantity=2)
    page = look(f"#/orders/{order['_id']}")
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    _do(page, "Cancel", "Yes")
    expect(_said(page)).to_have_text("The order is cancelled, and its stock is back.")
    expect(_entries(page).last).to_contain_text("stock 5 → 7")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert shop.system.items.stock(item) == 7


def test_nobody_acts_on_an_order_that_is_not_as_it_was_shown(look: Look, shop: Shop) -> None:
    look.allows(_REFUSED)
    order = shop.place(shop.add_item(), holdSeconds=900)
    page = look(f"#/orders/{order['_id']}")
    page.get_by_role("button", name="Cancel").click()
    shop.ask("POST", f"/api/orders/{order['_id']}/extend", json={"holdSeconds": 600})
    # The page behind the question has heard of it, and the question is still about what was shown.
    expect(_entries(page)).to_have_count(3)
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(_said(page)).to_contain_text("The order has changed since you read it.")
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    assert shop.order(order["_id"])["status"] == "RESERVED"


def test_an_action_that_came_too_late_is_told_and_the_order_read_again(
    look: Look, shop: Shop
) -> None:
    look.allows(_REFUSED)
    order = shop.place(shop.add_item(), holdSeconds=900)
    page = look(f"#/orders/{order['_id']}")
    problem = {
        "detail": "The hold was not confirmed in time and has expired.",
        "code": "hold_expired",
    }
    page.route("**/confirm", lambda route: route.fulfill(status=409, json=problem))
    page.get_by_role("button", name="Confirm").click()
    with page.expect_response(f"**/api/orders/{order['_id']}"):
        page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(_said(page)).to_contain_text("The hold was not confirmed in time and has expired.")


def test_a_hold_is_extended_by_seconds_that_the_api_accepts(look: Look, shop: Shop) -> None:
    look.allows(_REFUSED)
    order = shop.place(shop.add_item(), holdSeconds=60)
    page = look(f"#/orders/{order['_id']}")
    page.get_by_role("button", name="Hold until").click()
    question = page.get_by_role("dialog")
    seconds = question.get_by_label("Seconds from now")
    seconds.fill("99999999")
    question.get_by_role("button", name="Yes").click()
    expect(question.get_by_role("alert").get_by_text("holdSeconds")).to_have_count(1)
    expect(seconds).to_have_attribute("aria-invalid", "true")
    expect(seconds).to_be_focused()
    question.get_by_role("button", name="30 minutes").click()
    expect(seconds).to_have_value("1800")
    question.get_by_role("button", name="Yes").click()
    expect(_said(page)).to_contain_text("The order is held until")
    expect(page.get_by_role("timer")).to_have_text(re.compile("(29|30) min"))
    expect(page.get_by_role("button", name="Hold until")).to_be_focused()


def test_a_cancellation_that_waits_for_the_inventory_is_told(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    page = look(f"#/orders/{order['_id']}")
    expect(_entries(page)).to_have_count(2)
    asked = {
        "at": order["updatedAt"],
        "status": "COMPLETED",
        "event": "ORDER_CANCEL_REQUESTED",
        "actor": "caller",
        "by": "ada",
        "recorded": True,
        "evidence": {},
    }
    stuck = {**asked, "event": "ORDER_STUCK", "actor": "settlement", "by": "settlement"}
    page.route(
        "**/history",
        lambda route: _changed(route, lambda body: body["history"].extend([asked, stuck])),
    )
    answer = {"order": {**order, "updatedAt": order["updatedAt"]}}
    page.route(
        "**/cancel",
        lambda route: route.fulfill(status=202, json=answer, headers={"ETag": '"3"'}),
    )
    _do(page, "Cancel", "Yes")
    expect(_said(page)).to_contain_text("The cancellation is recorded.")
    expect(_fact(page, "Status")).to_contain_text("a cancellation is under way")
    expect(_fact(page, "Status")).to_contain_text("The order is stuck")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_an_action_without_its_scope_is_disabled_and_names_it(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item(), holdSeconds=900)
    page = look(f"#/orders/{order['_id']}", token=shop.token("ada", "orders:read"))
    for name in ("Confirm", "Hold until", "Cancel"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    expect(page.get_by_text("lacks the scope orders:write")).to_be_visible()


def test_a_link_is_copied_or_can_be_copied_by_hand(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    page = look(f"#/orders/{order['_id']}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop.url)
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = f"{shop.url}/console#/orders/{order['_id']}"
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy the link").click()
    field = page.get_by_label("Copy it from here")
    expect(field).to_have_value(link)
    expect(field).to_be_focused()
    expect(page.get_by_text("Copied.")).to_have_count(0)


@pytest.mark.parametrize("sought", ["64b0000000000000000000ff", "create", "%3Cb%3E", "a/b"])
def test_an_order_that_is_not_there_is_a_state_of_its_own(
    look: Look, shop: Shop, sought: str
) -> None:
    look.allows(_REFUSED)
    page = look(f"#/orders/{sought}")
    expect(heading(page)).to_have_text("There is no such order")
    expect(page.get_by_role("main").get_by_role("link", name="To the orders")).to_be_visible()
    assert_accessible(page)


def test_anothers_order_is_as_if_it_were_not_there(look: Look, shop: Shop) -> None:
    look.allows(_REFUSED)
    order = shop.place(shop.add_item())
    page = look(f"#/orders/{order['_id']}", token=shop.token("grace", "orders:read"))
    expect(heading(page)).to_have_text("There is no such order")
    expect(page.get_by_text("orders:admin")).to_be_visible()


def test_what_is_shown_stays_while_the_api_is_away(look: Look, shop: Shop) -> None:
    look.allows("request failed", "Failed to load resource")
    order = shop.place(shop.add_item())
    page = look(f"#/orders/{order['_id']}")
    expect(_entries(page)).to_have_count(2)
    page.route("**/api/**", lambda route: route.abort())
    expect(page.get_by_role("alert").filter(has_text="can't be reached")).to_be_visible()
    expect(_fact(page, "Status")).to_contain_text("COMPLETED")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert").filter(has_text="can't be reached")).to_have_count(0)


def test_a_hold_that_is_over_gives_its_stock_back_before_ones_eyes(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item(stock=8), quantity=3, holdSeconds=3)
    page = look(f"#/orders/{order['_id']}")
    expect(_fact(page, "Status")).to_contain_text("EXPIRED the hold was over")
    recorded, expired = _told(page, 4)[2:]
    expect(recorded).to_contain_text("by the service: the hold was over")
    expect(expired).to_contain_text("stock 5 → 8")
    expect(page.get_by_role("timer")).to_have_count(0)
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
