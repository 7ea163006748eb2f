"""What axe finds on a page (https://github.com/dequelabs/axe-core)."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def assert_accessible(page: Page) -> None:
    # A row that has just come is coloured for a moment, and colours are judged.
    page.emulate_media(reduced_motion="reduce")
    found = Axe().run(page)
    assert not found.violations_count, found.generate_report()
