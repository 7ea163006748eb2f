"""The page's own routes: what they hand out, and how long it may be kept."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from order_service.interface.console import pages
from order_service.interface.http.app import create_app
from order_service.settings import Settings
from tests.use_cases import only

FILES = Path(pages.__file__).parent / "static"
ISSUER = {
    "auth_jwks_url": "https://issuer.test/keys",
    "auth_issuer": "issuer.test",
    "auth_audience": "orders",
}
LOGIN = {
    "console_login_url": "https://login.test/authorize?tenant=a",
    "console_token_url": "https://login.test:8443/token",
}


def client(**given: object) -> FlaskClient:
    settings = Settings(**given)  # type: ignore[arg-type]
    app: Flask = create_app(only(), settings=settings, console=pages.blueprint(settings))
    return app.test_client()


def test_the_page_loads_every_file_that_is_there_from_where_it_is() -> None:
    shop = client()
    page = shop.get("/console").get_data(as_text=True)
    paths = set(re.findall(r'(?:href|src)="(/console/files/[0-9a-f]{16}/[^"]+)"', page))
    assert {path.rpartition("/")[2] for path in paths} == {each.name for each in FILES.iterdir()}
    for path in paths:
        with shop.get(path) as answer:
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("main.js", "text/javascript"), ("console.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_a_file_has_its_kind(name: str, kind: str) -> None:
    with client().get(f"/console/files/other/{name}") as answer:
        assert answer.headers["Content-Type"].split(";")[0] == kind


def test_a_file_of_another_release_is_not_kept() -> None:
    with client().get("/console/files/other/main.js") as answer:
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["absent.js", "..%2fpages.py", "%2e%2e/pages.py", ".."])
def test_no_other_file_is_handed_out(name: str) -> None:
    assert client().get(f"/console/files/other/{name}").status_code == 404


def test_no_module_is_imported_that_is_not_there() -> None:
    for module in FILES.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', module.read_text(encoding="utf-8")):
            assert (FILES / name).is_file(), f"{module.name} imports {name}"


def test_the_page_is_not_kept_and_allows_nothing_from_elsewhere() -> None:
    headers = client().get("/console").headers
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "connect-src 'self';" in policy


def test_the_page_may_reach_the_token_endpoint() -> None:
    policy = client(**ISSUER, **LOGIN).get("/console").headers["Content-Security-Policy"]
    assert "connect-src 'self' https://login.test:8443;" in policy


def test_the_page_is_told_what_it_has_to_know() -> None:
    page = client(**ISSUER, **LOGIN, currency="EUR").get("/console").get_data(as_text=True)
    for said in (
        "data-guarded",
        'data-currency="EUR"',
        'data-login-url="https://login.test/authorize?tenant=a"',
        'data-token-url="https://login.test:8443/token"',
        'data-client-id="order-service-console"',
    ):
        assert said in page
    assert "data-guarded" not in client().get("/console").get_data(as_text=True)


def test_what_the_page_is_told_is_no_markup() -> None:
    page = client(**ISSUER, **LOGIN, console_client_id='"><script>').get("/console")
    assert b'"><script>' not in page.data


def test_a_browser_at_the_root_is_led_to_the_console() -> None:
    shop = client()
    led = shop.get("/", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["Location"]) == (303, "/console")
    assert shop.get("/").get_json()["console"] == "/console"


def test_without_the_console_a_browser_is_led_to_the_docs() -> None:
    shop = create_app(only()).test_client()
    assert shop.get("/", headers={"Accept": "text/html"}).headers["Location"] == "/docs"
    assert "console" not in shop.get("/").get_json()
    assert shop.get("/console").status_code == 404


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"console": False}, False),
        ({"host": "0.0.0.0", "auth_disabled": True}, False),
        ({"host": "0.0.0.0", **ISSUER}, True),
        ({"host": "0.0.0.0", "console": False, **ISSUER}, False),
    ],
)
def test_the_console_is_there_on_loopback_or_where_tokens_are_asked_for(
    given: dict[str, object], expected: bool
) -> None:
    assert Settings(**given).has_console is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**ISSUER, "console_login_url": "https://login.test/a"}, "CONSOLE_TOKEN_URL"),
        ({**ISSUER, "console_token_url": "https://login.test/a"}, "CONSOLE_LOGIN_URL"),
        (LOGIN, "nothing to check tokens with"),
    ],
)
def test_half_a_login_stops_the_start(given: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Settings(**given)  # type: ignore[arg-type]
