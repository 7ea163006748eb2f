"""A browser, and the pages of the console as a person sees them."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.console.shop import Shop
from tests.programs import program
from tests.system import CHECKOUT

SCREENSHOTS: Final = CHECKOUT / ".data" / "console"
# Milliseconds that something may take to appear, on a machine that is busy.
PATIENCE: Final = 20_000
# Of this machine, but not to the browser, which trusts a page of them no more than any by http://.
_NAMES: Final = "--host-resolver-rules=MAP *.test 127.0.0.1"
# The page's own end of a request: it went to another view.
_LEFT: Final = "net::ERR_ABORTED"

# Its default: a token with every scope.
WITH_ALL_SCOPES: Final = "a token with every scope"


@contextmanager
def chromium(home: Path) -> Iterator[Browser]:
    """Debian's, without a window, and with nothing of its user's. Playwright starts it without the
    sandbox, which root and most containers can't have."""
    path = program("chromium", "chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}
        browser = playwright.chromium.launch(executable_path=path, env=environment, args=[_NAMES])
        yield browser
        browser.close()


class Look:
    """Opens pages.

    page = look("#/orders", scheme="dark", width=360)

    What a page complains of fails the test in the end, but for what the test ``allows``: messages
    of the console, errors of scripts, requests that failed, and those that left for another host.
    """

    def __init__(self, browser: Browser, shop: Shop) -> None:
        self.shop = shop
        self.troubles: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._allowed: list[str] = []

    @property
    def system(self) -> Any:
        """Whose logs are shown where a test fails."""
        return self.shop.system

    def __call__(
        self,
        path: str = "#/orders",
        *,
        at: Shop | None = None,
        token: str | None = WITH_ALL_SCOPES,
        scheme: Literal["light", "dark"] = "light",
        width: int = 1200,
        timezone_id: str = "UTC",
    ) -> Page:
        """The page at that place of the console, signed in where the shop asks for a token.
        ``at``: instead of the guarded shop. ``token``: None signs nobody in."""
        shop = at or self.shop
        page = self.context(shop.url, scheme, width, timezone_id).new_page()
        page.goto(f"{shop.url}/console{path}")
        given = shop.token() if token == WITH_ALL_SCOPES else token
        if given is not None:
            sign_in(page, given)
        return page

    def context(
        self,
        url: str,
        scheme: Literal["light", "dark"] = "light",
        width: int = 1200,
        timezone_id: str = "UTC",
    ) -> BrowserContext:
        """A browser's profile of its own, whose pages ask nobody but ``url``."""
        context = self._browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            timezone_id=timezone_id,
            locale="en-GB",
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._note(f"error of a script: {error.error}"))
        context.on("requestfailed", self._failed)
        own = urlsplit(url).netloc
        context.on("request", lambda request: self._asked(request, own))
        return context

    def allows(self, *patterns: str) -> None:
        """Regular expressions of complaints that do not fail the test."""
        self._allowed += patterns

    def close(self) -> None:
        """Raises AssertionError with what the pages complained of."""
        for context in self._contexts:
            context.close()
        left = [
            trouble
            for trouble in self.troubles
            if not any(re.search(allowed, trouble) for allowed in self._allowed)
        ]
        assert not left, "The browser complained:\n" + "\n".join(left)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self._note(f"console, {message.type}: {message.text} ({message.location['url']})")

    def _failed(self, request: Request) -> None:
        if request.failure != _LEFT:
            self._note(f"request failed: {request.method} {request.url}: {request.failure}")

    def _asked(self, request: Request, own: str) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != own:
            self._note(f"request to another host: {request.method} {request.url}")

    def _note(self, trouble: str) -> None:
        self.troubles.append(trouble)


def paste(page: Page, token: str) -> None:
    """Signs in with the token, be it good or not."""
    page.get_by_label(re.compile("paste a token", re.IGNORECASE)).fill(token)
    page.get_by_role("button", name="Sign in with this token").click()


def sign_in(page: Page, token: str) -> None:
    """Returns once a view is shown."""
    paste(page, token)
    expect(heading(page)).not_to_have_text("Sign in")


def heading(page: Page) -> Any:
    return page.locator("main h1")


def screenshot(page: Page, name: str) -> Path:
    """The whole page, kept for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
