"""Signing in by a login elsewhere: authorization code with PKCE."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.deployment import Deployment
from tests.console.login_server import Login, serving
from tests.console.looking import Look, heading
from tests.console.shop import Shop

_FOREIGN = "request to another host"
_REFUSED = r"console, error: .* 400 "


@pytest.fixture(scope="module")
def login(shop: Shop) -> Iterator[Login]:
    with serving(Login(str(shop.token("grace", exp=None)))) as login:
        yield login


@pytest.fixture(scope="module")
def site(
    shop: Shop, login: Login, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The shop's API once more, which knows the login."""
    folder: Path = tmp_path_factory.mktemp("login") / "here"
    more = {
        "WEB_WORKERS": "1",
        "CONSOLE_LOGIN_URL": f"{login.url}/authorize",
        "CONSOLE_TOKEN_URL": f"{login.url}/token",
        "CONSOLE_CLIENT_ID": "the-console",
    }
    with Deployment(shop.system, folder, more) as site:
        yield site


@pytest.fixture(autouse=True)
def _as_ever(login: Login, shop: Shop) -> None:
    """Each test finds the login as it is at first."""
    login.token = str(shop.token("grace"))
    login.in_fragment, login.refuses = True, None
    login.hands_out = login.lets_others_read = True
    login.asked.clear()


@pytest.fixture
def page(look: Look, site: Deployment) -> Page:
    look.allows(_FOREIGN)
    page = look.context(site.url).new_page()
    page.goto(f"{site.url}/console#/health")
    expect(heading(page)).to_have_text("Sign in")
    return page


def _log_in(page: Page) -> None:
    page.get_by_role("button", name="Log in", exact=True).click()


@pytest.mark.parametrize("in_fragment", [True, False], ids=["fragment", "query"])
def test_a_login_comes_back_to_the_view_signed_in(
    in_fragment: bool, page: Page, login: Login, site: Deployment
) -> None:
    login.in_fragment = in_fragment
    _log_in(page)
    expect(heading(page)).to_have_text("How it is")
    expect(page.locator("#who")).to_contain_text("grace")
    # Neither the code nor the token stays in the address, or anywhere else.
    assert page.url == f"{site.url}/console#/health"
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert kept == '[{},{},""]'
    [asked] = login.asked
    assert asked["client_id"] == "the-console"
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_mode"] == "fragment"
    assert set(asked["scope"].split()) >= {"orders:admin", "stock:read"}


def test_a_refused_login_says_why(page: Page, login: Login) -> None:
    login.refuses = "access_denied"
    _log_in(page)
    expect(page.get_by_text("The login was refused: access_denied")).to_be_visible()
    expect(heading(page)).to_have_text("Sign in")


def test_a_code_that_is_worth_no_token_says_so(look: Look, page: Page, login: Login) -> None:
    look.allows(_REFUSED)
    login.hands_out = False
    _log_in(page)
    expect(page.get_by_text("did not hand out a token: invalid_grant")).to_be_visible()


def test_a_token_endpoint_that_is_away_says_so(look: Look, page: Page) -> None:
    look.allows("request failed", "console, error")
    page.route("**/token", lambda route: route.abort())
    _log_in(page)
    expect(page.get_by_text("The login's server did not hand out the token.")).to_be_visible()


def test_a_token_endpoint_that_lets_no_other_origin_read_says_so(
    look: Look, page: Page, login: Login
) -> None:
    look.allows("request failed", "console, error")
    login.lets_others_read = False
    _log_in(page)
    expect(page.get_by_text("The login's server did not hand out the token.")).to_be_visible()


def test_a_page_that_can_not_log_in_says_what_to_do(look: Look, site: Deployment) -> None:
    look.allows("Cross-Origin-Opener-Policy header has been ignored")
    address = f"http://shop.test:{site.port}"
    page = look.context(address).new_page()
    page.goto(f"{address}/console")
    expect(page.get_by_text("To log in, open this page by https://")).to_be_visible()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_have_count(0)


@pytest.mark.parametrize("separator", ["#", "?"])
def test_a_code_that_was_not_asked_for_here_is_not_used(
    separator: str, page: Page, site: Deployment, login: Login
) -> None:
    page.goto("about:blank")
    page.goto(f"{site.url}/console{separator}code=stolen&state=forged")
    expect(page.get_by_text("This login was not begun here.")).to_be_visible()
    assert "stolen" not in page.url
    assert login.asked == []


def test_a_browser_that_keeps_nothing_can_not_log_in_and_is_told_so(
    page: Page, site: Deployment, login: Login
) -> None:
    page.add_init_script(
        """for (const name of ["getItem", "setItem"]) {
          Storage.prototype[name] = () => { throw new DOMException("Denied.", "SecurityError"); };
        }"""
    )
    page.reload()
    _log_in(page)
    expect(page.get_by_role("alert")).to_contain_text("let this page keep data in this browser")
    page.goto("about:blank")
    page.goto(f"{site.url}/console#code=stolen&state=forged")
    expect(page.get_by_text("This login was not begun here.")).to_be_visible()
    assert "stolen" not in page.url
    assert login.asked == []


def test_the_policy_lets_the_page_reach_the_token_endpoint_and_no_other(
    look: Look, page: Page, login: Login
) -> None:
    look.allows("(?i)content security policy", "request failed", "Fetch API cannot load", " 404 ")
    reach = "url => fetch(url, {mode: 'no-cors'}).then(() => true, () => false)"
    assert page.evaluate(reach, f"{login.url}/elsewhere") is True
    assert page.evaluate(reach, "http://127.0.0.1:1/") is False
