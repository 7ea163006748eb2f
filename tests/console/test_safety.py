"""That nothing foreign acts in the page, and that no other page acts on the service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from playwright.sync_api import expect

from tests.console.looking import Look, heading
from tests.console.shop import Shop
from tests.waiting import until

SCRIPT = "<img src=x onerror=document.body.remove()>"


@contextmanager
def _served(page: str, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a page of another origin, on this machine. ``host``: localhost is another site
    than 127.0.0.1; another port is none."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_script_for_an_items_name_is_text(look: Look, shop: Shop) -> None:
    item = shop.add_item(name=SCRIPT)
    page = look(f"#/items/{item}")
    expect(page.get_by_text(SCRIPT)).to_be_visible()
    assert page.locator("img").count() == 0


def test_scripts_for_a_reference_and_metadata_are_text(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item(), reference=SCRIPT, metadata={"<b>name": SCRIPT})
    page = look("#/orders")
    expect(page.get_by_text(SCRIPT).first).to_be_visible()
    page = look(f"#/orders/{order['_id']}")
    expect(page.get_by_text(SCRIPT)).to_have_count(2)
    expect(page.get_by_text("<b>name")).to_be_visible()
    assert page.locator("img").count() == 0


def test_the_browser_refuses_markup_and_scripts_that_are_made_from_text(look: Look) -> None:
    look.allows("(?i)Trusted(HTML|Script)", "(?i)content security policy")
    page = look("#/orders")
    for attempt in (
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "trustedTypes.createPolicy('mine', { createHTML: (text) => text })",
        "document.body.setAttribute('onclick', 'window.hit = 1')",
    ):
        refused = page.evaluate(
            f"() => {{ try {{ {attempt}; return false }} catch {{ return true }} }}"
        )
        assert refused, attempt
    page.evaluate("document.body.append(Object.assign(document.createElement('p'), {id: 'x'}))")
    page.evaluate("document.getElementById('x').setAttribute('style', 'color: rgb(1, 2, 3)')")
    assert page.evaluate("getComputedStyle(document.getElementById('x')).color") != "rgb(1, 2, 3)"


def test_the_pages_headers_forbid_what_it_does_not_need(shop: Shop) -> None:
    headers = requests.get(f"{shop.url}/console", timeout=10).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for directive in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
    ):
        assert directive in policy
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_other_page_can_frame_the_console(look: Look, open_shop: Shop) -> None:
    look.allows("frame-ancestors", "request to another host", "request failed", "console, error")
    with _served(f"<iframe src='{open_shop.url}/console'></iframe>") as other:
        page = look.context(other).new_page()
        with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            page.goto(other)
        expect(page.frame_locator("iframe").locator("main")).to_have_count(0)


@pytest.mark.parametrize(
    "attempt",
    [
        "fetch(url, {method: 'POST', mode: 'no-cors'})",
        "fetch(url, {method: 'POST', mode: 'no-cors', body: '{}'})",
        "navigator.sendBeacon(url)",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_changes_nothing(
    host: str, attempt: str, look: Look, open_shop: Shop
) -> None:
    look.allows("request to another host", "request failed", "console, error")
    order = open_shop.place(open_shop.add_item())
    refused = _refused(open_shop)
    with _served("<p>Another shop</p>", host) as other:
        page = look.context(other).new_page()
        page.goto(other)
        page.evaluate(
            f"url => {{ {attempt} }}", f"{open_shop.url}/api/orders/{order['_id']}/cancel"
        )
        until(lambda: _refused(open_shop) > refused, "the refusal in the API's log")
    assert open_shop.order(order["_id"])["status"] == "COMPLETED"


def _refused(shop: Shop) -> int:
    lines = shop.system.api[0].log_path.read_text().splitlines()
    return sum('"status": 403' in line and "POST" in line for line in lines)


def test_a_page_of_another_origin_reads_nothing(look: Look, open_shop: Shop) -> None:
    look.allows("request to another host", "request failed", "console, error")
    with _served("<p>Another shop</p>") as other:
        page = look.context(other).new_page()
        page.goto(other)
        read = "url => fetch(url).then((answer) => answer.text(), () => null)"
        assert page.evaluate(read, f"{open_shop.url}/api/orders") is None


def test_the_views_address_says_no_more_than_what_to_look_at(look: Look, shop: Shop) -> None:
    order = shop.place(shop.add_item())
    page = look(f"#/orders/{order['_id']}")
    expect(heading(page)).to_contain_text(order["_id"])
    assert page.url == f"{shop.url}/console#/orders/{order['_id']}"
