"""What a trusted proxy says of a request, and what it can't make us write."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from order_service.application.orders.list import OrderPage, OrderPlace
from order_service.interface.http import proxies
from order_service.interface.http.app import create_app
from order_service.settings import Settings
from tests.orders import START, pending
from tests.use_cases import only

PLAIN = {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "SCRIPT_NAME": ""}


PAGE = OrderPage([pending(at=START)], OrderPlace(START, "a" * 24))


@pytest.fixture(scope="module")
def client() -> Client:
    app = create_app(only(list_orders=lambda _: PAGE), settings=Settings(trusted_proxies=1))
    return app.test_client()


def seen(headers: dict[str, str]) -> dict[str, Any]:
    """What is believed of a request with these headers."""
    found: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        found.update({name: environ[name] for name in PLAIN})
        start_response("200 OK", [])
        return []

    Client(proxies.believe(app, 1)).get("/", headers=headers, environ_base=PLAIN)
    return found


@pytest.mark.parametrize(
    ("header", "value", "name", "believed"),
    [
        ("Prefix", "/shop", "SCRIPT_NAME", "/shop"),
        ("Prefix", "/shop/", "SCRIPT_NAME", "/shop"),
        ("Prefix", "/a/b-c_d.e~f@g/%20", "SCRIPT_NAME", "/a/b-c_d.e~f@g/%20"),
        ("Prefix", "/", "SCRIPT_NAME", ""),
        ("Proto", "https", "wsgi.url_scheme", "https"),
        ("Proto", "HTTPS", "wsgi.url_scheme", "https"),
        ("For", "203.0.113.7", "REMOTE_ADDR", "203.0.113.7"),
        ("For", "203.0.113.7:5000", "REMOTE_ADDR", "203.0.113.7"),
        ("For", "2001:DB8:0::1", "REMOTE_ADDR", "2001:db8::1"),
        ("For", "[2001:db8::1]", "REMOTE_ADDR", "2001:db8::1"),
        ("For", "[2001:db8::1]:5000", "REMOTE_ADDR", "2001:db8::1"),
        ("For", "1.1.1.1, 203.0.113.7", "REMOTE_ADDR", "203.0.113.7"),
    ],
)
def test_a_trusted_proxys_forwarded_header_is_believed(
    header: str, value: str, name: str, believed: str
) -> None:
    assert seen({f"X-Forwarded-{header}": value}) == PLAIN | {name: believed}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(
            ("Prefix", odd)
            for odd in ("//evil.example", "///evil.example", "/a//b", "shop", "/a b")
        ),
        *(("Prefix", odd) for odd in ("/\\evil.example", "\\\\evil.example", "/a/<b>", '/a"b')),
        *(
            ("Prefix", odd)
            for odd in ("https://evil.example", "/a?b", "/a#b", "/a;b", "/%zz", "/\xe9")
        ),
        *(("Prefix", odd) for odd in ("/..", "/a/../..", "/a/./b", "/a/%2e%2E", "/.%2e/a")),
        *(("Prefix", odd) for odd in ("/a%2fb", "/%5c", "/a%0d%0ab", "/%00", "/%7f", "/%c2%85")),
        *(("Proto", odd) for odd in ("javascript", "httpss", "", "http:", "https https")),
        *(("For", odd) for odd in ("unknown", "_hidden", "", "1.2.3", "1.2.3.4.5", "[::1", "::1]")),
        *(("For", odd) for odd in ("fe80::1%<b>", "1.2.3.4:x", "a" * 5000, "1.2.3.4\t5", "0x7f.1")),
        *(("Host", odd) for odd in ("evil.example", "evil.example:99999", "[::1", "a/b", "@")),
    ],
)
def test_a_forwarded_header_that_no_proxy_would_write_is_not_believed(
    header: str, value: str
) -> None:
    assert seen({f"X-Forwarded-{header}": value}) == PLAIN


def urls_in(answer: TestResponse) -> list[str]:
    """Every URL that the answer writes for its reader to go to."""
    headers = answer.headers
    named = [headers.get("Location", ""), *re.findall("<(.*?)>", headers.get("Link", ""))]
    if answer.is_json:
        body = answer.get_json()
        named += [each["url"] for each in body.get("servers", ())]
        named += [body[name] for name in LINKS if isinstance(body.get(name), str)]
    return [each for each in named if each]


LINKS = ("orders", "stockChanges", "health", "document", "docs")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/shop/docs", ("/shop", "/docs")),
        ("/shop/", ("/shop", "/")),
        ("/shop", ("/shop", "")),
        ("/shopping/docs", ("", "/shopping/docs")),
        ("/docs", ("", "/docs")),
        ("/shop/shop/docs", ("/shop", "/shop/docs")),
    ],
)
def test_a_mounted_service_answers_with_and_without_its_path(
    path: str, told: tuple[str, str]
) -> None:
    found: list[tuple[str, str]] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        found.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        start_response("200 OK", [])
        return []

    Client(proxies.mount(app, "/shop")).get(path)
    assert found == [told]


PAGES = [("/", "text/html"), ("/", "*/*"), ("/openapi.json", "*/*"), ("/api/orders", "*/*")]


@pytest.mark.parametrize(("path", "accept"), PAGES)
def test_every_url_in_an_answer_is_under_the_prefix(path: str, accept: str, client: Client) -> None:
    headers = {"X-Forwarded-Prefix": "/shop", "Accept": accept}
    named = urls_in(client.get(path, headers=headers))
    assert named
    assert all(url == "/shop" or url.startswith("/shop/") for url in named)


ODD = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30)
SLASHES = st.lists(st.sampled_from(["/", "\\", "evil.example", "%2f", ".", ":", "a", "//", ","]))
SAID = st.one_of(ODD, SLASHES.map("".join))


@settings(max_examples=60, deadline=None)
@given(prefix=SAID, host=SAID, proto=SAID, client_address=SAID, own_host=SAID)
def test_no_forwarded_header_makes_an_answer_name_another_host(
    client: Client, prefix: str, host: str, proto: str, client_address: str, own_host: str
) -> None:
    said = {"Prefix": prefix, "Host": host, "Proto": proto, "For": client_address}
    headers = {f"X-Forwarded-{name}": value for name, value in said.items()}
    for path, accept in [*PAGES, ("/api//orders", "*/*"), ("//api/orders", "*/*")]:
        answer = client.get(path, headers=headers | {"Accept": accept, "Host": own_host})
        assert answer.status_code < 500
        for url in urls_in(answer):
            assert re.match(r"/(?![/\\])", url), url
