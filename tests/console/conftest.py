"""The console in a real browser, on the whole running system; `make test-console`.

    def test_something(look: Look, shop: Shop) -> None:
        order = shop.place(shop.add_item(), reference="R-1")
        page = look("#/orders")                        # signed in, with every scope
        expect(page.get_by_text("R-1")).to_be_visible()

``look`` opens pages and fails the test in the end if one of them complained (``look.allows(...)``
names what it may). ``shop`` asks for tokens, ``open_shop`` does not: ``look(at=open_shop)``.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.api.issuer import Issuer
from tests.console.looking import Look, chromium
from tests.console.shop import Shop
from tests.system import Parts, System

_SETTINGS = {"WEB_WORKERS": "1", "CURRENCY": "EUR"}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("home")) as browser:
        yield browser


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def shop(parts: Parts, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An API that asks for tokens, and a worker."""
    folder = tmp_path_factory.mktemp("shop")
    with System(parts, folder, _SETTINGS | issuer.settings(folder)) as system:
        yield Shop(system, issuer)


@pytest.fixture(scope="session")
def open_shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The same, and anybody may."""
    with System(parts, tmp_path_factory.mktemp("open-shop"), _SETTINGS) as system:
        yield Shop(system)


@pytest.fixture
def look(browser: Browser, shop: Shop) -> Iterator[Look]:
    look = Look(browser, shop)
    yield look
    look.close()
