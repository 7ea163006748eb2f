"""How soon the console shows its first view, and what it loads, at growing numbers of orders.

    python -m bench.console [number of orders ...]

The numbers are 1000 and 1000000 if none is given. Starts a MongoDB of its own, fills it, and serves
it with gunicorn as in production, tokens on. A headless Chromium opens the page, signs in with a
token, and sees the list: first with nothing in its cache, then once more. Neither Kafka nor an
inventory runs, for the list asks neither.

- view: from the API's answer to the list's first row on the page.
- answer: from the question for the list to its answer.
- page: from the address to the form that asks for a token.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from bench import issuer
from bench import list as order_list
from devstack.errors import DevstackError
from devstack.mongod import Mongod
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import Settings
from tests.system import Parts, System

SIZES: Final = (1_000, 1_000_000)
ROUNDS: Final = 15
_NOBODY: Final = "127.0.0.1:1"
# Notes when the elements first appear: the field for a token, and a row of the list.
_WATCH: Final = """
const seen = (globalThis.seen = {});
new MutationObserver(() => {
  seen.form ??= document.querySelector("textarea") ? performance.now() : undefined;
  seen.row ??= document.querySelector("tbody tr") ? performance.now() : undefined;
}).observe(document, { childList: true, subtree: true });
"""
_TAKEN: Final = """() => {
  const loaded = performance.getEntriesByType("resource");
  const { startTime, responseEnd } = loaded.find(({ name }) => name.includes("/api/orders?"));
  return { page: seen.form, answer: responseEnd - startTime, view: seen.row - responseEnd };
}"""
Figures = dict[str, list[float]]


def visit(page: Page, url: str, token: str) -> dict[str, float]:
    """Milliseconds."""
    page.goto(f"{url}/console")
    page.get_by_label("Paste a token").fill(token)
    page.get_by_role("button", name="Sign in with this token").click()
    page.locator("tbody tr").first.wait_for()
    taken: dict[str, float] = page.evaluate(_TAKEN)
    return taken


def measure(browser: Browser, url: str, token: str) -> tuple[Figures, dict[str, int]]:
    figures: Figures = {}
    loaded = {}
    for _ in range(ROUNDS):
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(_WATCH)
        for visited in ("first visit", "again"):
            size = _Size(page)
            for name, taken in visit(page, url, token).items():
                figures.setdefault(f"{visited}, {name}", []).append(taken)
            loaded[visited] = size.bytes
        context.close()
    return figures, loaded


class _Size:
    """The bytes that come over the network from now on, headers too."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._add)

    def _add(self, finished: dict[str, Any]) -> None:
        self.bytes += int(finished["encodedDataLength"])


def run(sizes: Sequence[int], chromium: str, folder: Path) -> None:
    keys = folder / "keys"
    token = issuer.token(keys)
    with Mongod(folder / "mongo") as mongo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number in sizes:
            parts = Parts(mongo, _NOBODY, f"http://{_NOBODY}")
            system = System(
                parts, folder, {**issuer.settings(keys), "LOG_LEVEL": "INFO"}, workers=0
            )
            fill(system, number)
            with system:
                show(number, *measure(browser, system.urls[0], token))
        browser.close()


def fill(system: System, number: int) -> None:
    """Building indexes over a million orders takes longer than any operation may."""
    settings = Settings(
        mongo_uri=system.settings["MONGO_URI"],
        mongo_database=system.database_name,
        store_timeout=300,
        request_deadline=301,
        settle_after=301,
    )
    database = connect(settings)
    with database.client:
        order_list.fill(database, number)


def show(number: int, figures: Figures, loaded: dict[str, int]) -> None:
    print(f"\n{number:,} orders: ms, median (lowest to highest) of {ROUNDS}")
    for name, taken in figures.items():
        print(f"  {name:24}{statistics.median(taken):8.0f}  ({min(taken):.0f} to {max(taken):.0f})")
    for visited, size in loaded.items():
        print(f"  {visited + ', bytes':24}{size:8,}")


def main(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.console")
    parser.add_argument("sizes", type=int, nargs="*", metavar="orders")
    options = parser.parse_args(given)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise DevstackError("chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        run(options.sizes or SIZES, chromium, Path(folder))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DevstackError as error:
        sys.exit(str(error))
