"""What a browser says of where a page is from, and what the page may send then."""

from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from werkzeug.test import EnvironBuilder, run_wsgi_app

from order_service.application.callers import Caller
from order_service.interface.http.app import create_app
from order_service.interface.http.metrics import RequestMetrics
from order_service.settings import Settings
from tests.use_cases import only

SHOP, OTHER = "https://shop.example", "https://evil.example"
CANCEL = f"/api/orders/{'b' * 24}/cancel"
# Those of browsers, and what nobody says today.
FOREIGN = ["cross-site", "same-site", "Same-Origin", "same-origin, cross-site", "cross-site;a=1"]
OWN = ["same-origin", "none"]
ORIGINS = [None, OTHER, SHOP, "null", ""]


def nobody_asked(_: str) -> Caller:
    raise AssertionError("a refused request's token is not looked at")


def client_of(cors_origins: str = "") -> FlaskClient:
    settings = Settings.load({"CORS_ORIGINS": cors_origins})
    return create_app(only(), nobody_asked, settings).test_client()


def headers_of(site: str | None, origin: str | None) -> dict[str, str]:
    given = {"Sec-Fetch-Site": site, "Origin": origin, "Authorization": "Bearer -"}
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("site", FOREIGN)
def test_a_page_of_another_site_changes_nothing_whatever_its_origin(
    site: str, origin: str | None
) -> None:
    answer = client_of().post(CANCEL, headers=headers_of(site, origin))
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert answer.get_json()["code"] == "cross_site"
    assert answer.get_json()["requestId"] == answer.headers["X-Request-Id"]
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("site", FOREIGN)
def test_a_page_of_an_origin_in_cors_origins_gets_as_far_as_anybody_and_no_other_page_does(
    site: str, origin: str | None
) -> None:
    client = client_of(f"https://another.example,{SHOP}")
    headers = headers_of(site, origin) | {"Authorization": ""}
    answer = client.post(CANCEL, headers=headers)
    assert answer.status_code == (401 if origin == SHOP else 403)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("site", OWN)
def test_pages_of_the_same_origin_and_persons_are_let_through(
    site: str, origin: str | None
) -> None:
    answer = client_of().post(CANCEL, headers=headers_of(site, origin) | {"Authorization": ""})
    assert answer.get_json()["code"] == "unauthenticated"


@pytest.mark.parametrize("site", ["", None])
@pytest.mark.parametrize(
    ("origin", "code"),
    [
        (None, "unauthenticated"),
        ("", "unauthenticated"),
        ("http://localhost", "unauthenticated"),
        ("https://localhost", "unauthenticated"),
        (SHOP, "unauthenticated"),
        ("http://localhost:81", "cross_site"),
        (OTHER, "cross_site"),
        (f"{SHOP}.evil.example", "cross_site"),
        ("http://evil.example/localhost", "cross_site"),
        ("null", "cross_site"),
        ("localhost", "cross_site"),
    ],
)
def test_where_a_browser_says_the_origin_alone_it_is_the_services_own_or_one_of_cors_origins(
    origin: str | None, code: str, site: str | None
) -> None:
    headers = headers_of(site, origin) | {"Authorization": ""}
    assert client_of(SHOP).post(CANCEL, headers=headers).get_json()["code"] == code


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("site", FOREIGN)
def test_reading_is_not_held_up_which_a_page_of_another_site_can_not_see(
    site: str, method: str
) -> None:
    live = client_of().open("/health/live", method=method, headers=headers_of(site, OTHER))
    assert live.status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "ODD"])
@pytest.mark.parametrize("path", ["/api/orders", "/api/nothing", "/health/live", "/"])
def test_nothing_else_is_told_to_a_page_of_another_site_not_even_what_there_is(
    method: str, path: str
) -> None:
    answer = client_of().open(path, method=method, headers=headers_of("cross-site", OTHER))
    assert answer.get_json()["code"] == "cross_site"


HERE = [
    "localhost",
    "LOCALHOST:3100",
    "shop.localhost:3100",
    "127.0.0.1",
    "127.0.0.2:3100",
    "[::1]",
    "[::1]:3100",
]
ELSEWHERE = [
    "evil.example",
    "evil.example:3100",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evillocalhost",
    "127.0.0.1@evil.example",
    "evil.example#.localhost/",
    "192.168.0.1",
    "[::ffff:192.168.0.1]",
    "[::1",
    "0.0.0.0",
    "2130706433",
    ":3100",
    "",
]


def asked_as(host: str, **settings: str) -> int:
    app = create_app(only(), settings=Settings.load(settings))
    return app.test_client().get("/health/live", headers={"Host": host}).status_code


@pytest.mark.parametrize("host", HERE)
def test_a_service_without_tokens_answers_to_each_name_of_its_own_machine(host: str) -> None:
    assert asked_as(host) == 200


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_service_without_tokens_answers_to_no_name_that_may_belong_to_somebody_else(
    host: str,
) -> None:
    assert asked_as(host) == 421


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", ["/", "/console", "/api/orders", "/metrics", "/nothing"])
def test_a_page_whose_name_was_pointed_at_this_machine_reads_and_changes_nothing(
    path: str, method: str
) -> None:
    client = create_app(only(), settings=Settings.load({})).test_client()
    headers = {"Host": "evil.example:3100", "Sec-Fetch-Site": "same-origin"}
    answer = client.open(path, method=method, headers=headers)
    assert (answer.status_code, answer.content_type) == (421, "application/problem+json")
    if method != "HEAD":
        assert answer.get_json()["code"] == "misdirected_request"
        assert "AUTH_DISABLED" in answer.get_json()["detail"]


@pytest.mark.parametrize("host", ["shop.example", "192.168.0.1:3100", "", "[::1"])
def test_a_service_that_asks_for_tokens_or_is_said_to_be_open_answers_to_any_name(
    host: str,
) -> None:
    headers = {"Host": host}
    guarded = create_app(only(), nobody_asked, Settings.load({})).test_client()
    assert guarded.get("/health/live", headers=headers).status_code == 200
    assert asked_as(host, AUTH_DISABLED="true") == 200


def test_a_program_that_names_no_host_is_answered() -> None:
    app = create_app(only(), settings=Settings.load({}))
    environ = EnvironBuilder("/health/live").get_environ()
    del environ["HTTP_HOST"]
    assert run_wsgi_app(app, environ)[1] == "200 OK"


def test_a_refused_request_is_counted_like_any_other() -> None:
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry, Mock())
    client = create_app(only(), metrics=metrics).test_client()
    client.post(CANCEL, headers=headers_of("cross-site", OTHER))
    [counted] = [
        sample.labels
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "order_service_http_request_seconds_count"
    ]
    assert (counted["method"], counted["status"]) == ("POST", "403")
