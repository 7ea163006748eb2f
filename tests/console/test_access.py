"""Who sees the console, where, and for how long."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.deployment import Deployment
from tests.api.issuer import Issuer
from tests.console.looking import Look, heading, paste
from tests.console.shop import Shop
from tests.waiting import until

_UNAUTHORIZED = r"console, error: .* 401 "
_FORBIDDEN = r"console, error: .* 403 "


def _statuses(deployment: Deployment) -> tuple[int, str]:
    """Of the console, and where a browser at / is led."""
    import requests

    page = requests.get(f"{deployment.url}/console", timeout=10)
    led = requests.get(
        f"{deployment.url}/", headers={"Accept": "text/html"}, allow_redirects=False, timeout=10
    )
    return page.status_code, led.headers["Location"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (200, "/console")),
        ({"CONSOLE": "off"}, (404, "/docs")),
        ({"HOST": "0.0.0.0", "AUTH_DISABLED": "true"}, (404, "/docs")),
    ],
    ids=["on loopback", "turned off", "open beyond loopback"],
)
def test_an_open_service_has_a_console_on_loopback_alone(
    settings: dict[str, str], expected: tuple[int, str], open_shop: Shop, tmp_path: Path
) -> None:
    more = {"WEB_WORKERS": "1", **settings}
    with Deployment(open_shop.system, tmp_path / "here", more) as deployment:
        assert _statuses(deployment) == expected


def test_a_service_with_an_issuer_has_a_console_everywhere(
    open_shop: Shop, issuer: Issuer, tmp_path: Path
) -> None:
    more = {"WEB_WORKERS": "1", "HOST": "0.0.0.0", **issuer.settings(tmp_path)}
    with Deployment(open_shop.system, tmp_path / "here", more) as deployment:
        assert _statuses(deployment) == (200, "/console")


def test_the_console_works_under_a_path(
    look: Look, shop: Shop, issuer: Issuer, tmp_path: Path
) -> None:
    order = shop.place(shop.add_item())
    more = {"WEB_WORKERS": "1", "SCRIPT_NAME": "/shop"}
    with Deployment(shop.system, tmp_path / "here", more) as deployment:
        page = look.context(deployment.url).new_page()
        page.goto(f"{deployment.url}/shop/console#/orders/{order['_id']}")
        paste(page, str(shop.token()))
        expect(heading(page)).to_contain_text(order["_id"])
        page.close()


@pytest.mark.parametrize("text", ["no token", "a.b", "<script>alert(1)</script>"])
def test_what_is_no_token_is_not_sent(text: str, look: Look) -> None:
    page = look(token=None)
    paste(page, text)
    expect(page.get_by_role("alert").filter(has_text="This is no token")).to_be_visible()


def test_a_token_of_somebody_else_is_refused_in_words(look: Look, shop: Shop) -> None:
    look.allows(_UNAUTHORIZED)
    page = look(token=None)
    paste(page, str(Issuer().token("mallory", "orders:admin")))
    expect(page.get_by_role("dialog")).to_contain_text("does not accept your token any more")


def test_a_view_whose_scope_is_missing_names_it(look: Look, shop: Shop) -> None:
    look.allows(_FORBIDDEN)
    page = look("#/health", token=shop.token("bob", "orders:read"))
    expect(page.get_by_role("alert").filter(has_text="orders:admin").first).to_be_visible()
    page = look("#/items", token=shop.token("bob", "orders:write"))
    expect(page.get_by_text("stock:read").first).to_be_visible()


def test_an_action_whose_scope_is_missing_names_it(look: Look, shop: Shop) -> None:
    order = shop.ask("POST", "/api/orders", "carol", json=_of(shop)).json()["order"]
    page = look(f"#/orders/{order['_id']}", token=shop.token("carol", "orders:read"))
    expect(page.get_by_text("orders:write").first).to_be_visible()
    expect(page.get_by_role("button", name="Cancel …")).to_be_disabled()


def _of(shop: Shop) -> dict[str, object]:
    return {"itemId": shop.add_item(), "quantity": 1}


def test_a_token_that_expires_in_the_middle_is_asked_for_again(look: Look, shop: Shop) -> None:
    look.allows(_UNAUTHORIZED)
    item = shop.add_item()
    page = look("#/orders")
    page.get_by_role("searchbox").fill("half a")
    # The API's clock can't be moved: what it would say of the token then is said here.
    _expire(page)
    _sign_in_again(page, shop)
    order = shop.place(item)
    expect(page.get_by_role("link", name=order["_id"])).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("half a")


def test_nothing_is_asked_while_there_is_no_token(look: Look) -> None:
    look.allows(_UNAUTHORIZED)
    page = look("#/orders")
    page.clock.install()
    refused = _expire(page)
    expect(page.get_by_role("dialog")).to_be_visible()
    # By the page's clock long enough for many attempts.
    for _ in range(3):
        page.clock.run_for("02:00")
        page.evaluate("fetch('/health/live').then((answer) => answer.text())")
    assert len(refused) == 1


def test_a_page_that_is_read_once_can_be_read_again_with_another_token(
    look: Look, shop: Shop
) -> None:
    look.allows(_UNAUTHORIZED)
    item = shop.add_item()
    oldest, *_ = [shop.place(item)["_id"] for _ in range(26)]
    page = look(f"#/orders?itemId={item}")
    expect(page.get_by_role("link", name="Older orders")).to_be_visible()
    _expire(page)
    page.get_by_role("link", name="Older orders").click()
    _sign_in_again(page, shop)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name=oldest)).to_be_visible()


def test_who_goes_to_another_view_instead_of_signing_in_again_signs_in_there(
    look: Look, shop: Shop
) -> None:
    look.allows(_UNAUTHORIZED)
    page = look("#/new")
    expect(heading(page)).to_have_text("Place an order")
    _expire(page)
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(heading(page)).to_have_text("Sign in")
    paste(page, str(shop.token()))
    expect(heading(page)).to_have_text("Place an order")


def _sign_in_again(page: Page, shop: Shop) -> None:
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("may have expired")
    page.unroute("**/api/orders?*")
    paste(page, str(shop.token()))
    expect(dialog).to_have_count(0)


def _expire(page: Page) -> list[int]:
    answered: list[int] = []

    def refuse(route: object) -> None:
        answered.append(401)
        problem = {"code": "unauthenticated", "detail": "The token has expired."}
        route.fulfill(status=401, json=problem)  # type: ignore[attr-defined]

    page.route("**/api/orders?*", refuse)
    return answered


def test_who_signs_out_sees_nothing_any_more(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    page = look("#/orders")
    expect(page.get_by_role("link", name=order["_id"])).to_be_visible()
    expect(page.locator("#who")).to_contain_text("ada")
    page.get_by_role("button", name="Sign out").click()
    expect(heading(page)).to_have_text("Sign in")
    expect(page.get_by_text(order["_id"])).to_have_count(0)


def test_a_token_is_kept_in_memory_alone(look: Look, shop: Shop) -> None:
    token = str(shop.token())
    page = look("#/orders", token=token)
    expect(page.get_by_role("table")).to_be_visible()
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert token not in kept
    assert token not in page.url
    page.reload()
    expect(heading(page)).to_have_text("Sign in")
    part = re.escape(token.split(".")[2])
    log = shop.system.api[0].log_path
    until(lambda: "/console" in log.read_text(), "the page's line in the log")
    assert not re.search(part, log.read_text())
