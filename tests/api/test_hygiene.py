"""What every answer carries, and what it never does."""

import json
from collections.abc import Iterator

import pytest
import requests

from order_service.settings import Settings, SettingsError
from tests.api.issuer import Issuer, bearer
from tests.system import Parts, System

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def behind_a_proxy(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Trusts one proxy, and lets the pages of one shop in; allows few writes to a caller."""
    settings = {
        "TRUSTED_PROXIES": "1",
        "CORS_ORIGINS": SHOP,
        "RATE_LIMIT_WRITES": "3 per hour",
        "WEB_WORKERS": "1",
    }
    with System(parts, tmp_path_factory.mktemp("proxy"), settings, workers=0) as system:
        yield system


@pytest.mark.parametrize("given", ["a-1_2.B", "x" * 128])
def test_a_request_keeps_the_request_id_it_came_with(given: str, open_system: System) -> None:
    answer = open_system.request("GET", "/api/nothing", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given
    assert answer.json()["requestId"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "<script>", "a\tb"])
def test_a_strange_request_id_is_replaced(given: str, open_system: System) -> None:
    answer = open_system.request("GET", "/api/nothing", headers={"X-Request-Id": given})
    assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    "path", ["/api/orders", "/api/nothing", "/health/live", "/openapi.json", "/asyncapi.json"]
)
def test_every_answer_keeps_browsers_careful(path: str, open_system: System) -> None:
    headers = open_system.request("GET", path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"] == "gunicorn"
    assert "Cache-Control" in headers
    assert "Strict-Transport-Security" not in headers
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/orders", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", "/api/orders/create", {"OPTIONS", "POST"}),
        ("PUT", f"/api/orders/{'a' * 24}", {"GET", "HEAD", "OPTIONS"}),
        ("GET", f"/api/orders/{'a' * 24}/cancel", {"OPTIONS", "POST"}),
    ],
)
def test_a_405_and_options_name_the_methods_of_the_path(
    method: str, path: str, allowed: set[str], open_system: System
) -> None:
    answer = open_system.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) == allowed
    options = open_system.request("OPTIONS", path)
    assert options.status_code == 200
    assert set(options.headers["Allow"].split(", ")) == allowed


def test_options_ask_for_no_token_and_have_an_empty_body(guarded_system: System) -> None:
    answer = guarded_system.request("OPTIONS", "/api/orders")
    assert (answer.status_code, answer.content) == (200, b"")


def test_head_is_get_without_the_body(open_system: System) -> None:
    order = open_system.create(open_system.add_item(1)).json()["order"]["_id"]
    got, head = (open_system.request(m, f"/api/orders/{order}") for m in ("GET", "HEAD"))
    assert head.status_code == 200
    assert head.content == b""
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == got.headers[name]


def test_a_log_line_for_each_request_and_no_secret_in_any(
    guarded_system: System, issuer: Issuer
) -> None:
    token = issuer.token("alice", "orders:write")
    headers = bearer(token) | {"X-Request-Id": "find-me", "Idempotency-Key": "a-secret-key"}
    body = {"itemId": "0123456789abcdef01234567", "quantity": 77777}
    guarded_system.request("POST", "/api/orders/create?token=abc", json=body, headers=headers)
    lines = guarded_system.api[0].log().splitlines()
    (line,) = [json.loads(each) for each in lines if "find-me" in each]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/api/orders/create", 400)
    for secret in (token, token.rsplit(".", 1)[1], "a-secret-key", "77777", "token=abc"):
        assert not any(secret in each for each in lines)


def preflight(system: System, origin: str) -> requests.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return system.request("OPTIONS", "/api/orders/create", headers=headers)


def test_pages_of_an_origin_in_cors_origins_may_call_the_api(behind_a_proxy: System) -> None:
    asked = preflight(behind_a_proxy, SHOP)
    assert asked.headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]
    error = behind_a_proxy.request("GET", "/api/orders/x", headers={"Origin": SHOP})
    assert error.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in error.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", f"{SHOP}.evil.example", "null"])
def test_pages_of_an_origin_outside_cors_origins_may_not_call_the_api(
    origin: str, behind_a_proxy: System
) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(behind_a_proxy, origin).headers


def write_from(system: System, forwarded: str) -> requests.Response:
    headers = {"X-Forwarded-For": forwarded}
    return system.request("POST", f"/api/orders/{'a' * 24}/cancel", headers=headers)


def test_a_caller_over_the_rate_limit_is_told_when_to_return(behind_a_proxy: System) -> None:
    for left in ("2", "1", "0"):
        answer = write_from(behind_a_proxy, "203.0.113.1")
        assert answer.status_code == 404
        assert answer.headers["RateLimit-Remaining"] == left
        assert "Retry-After" not in answer.headers
    refused = write_from(behind_a_proxy, "203.0.113.1")
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["RateLimit-Limit"] == "3"


def test_a_callers_used_up_limit_of_writes_limits_no_other_caller_and_no_reads(
    behind_a_proxy: System,
) -> None:
    # What a client writes before the trusted proxy's own word counts for nothing.
    for forged in ("1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"):
        last = write_from(behind_a_proxy, f"{forged}, 203.0.113.2")
    assert last.status_code == 429
    assert write_from(behind_a_proxy, "203.0.113.3").status_code == 404
    reading = {"X-Forwarded-For": "203.0.113.2"}
    assert behind_a_proxy.request("GET", "/api/orders", headers=reading).status_code == 200


def test_a_browser_that_came_by_https_is_told_to_stay_with_https(behind_a_proxy: System) -> None:
    answer = behind_a_proxy.request("GET", "/health/live", headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_forwarded_header_is_not_believed_where_no_proxy_is_trusted(open_system: System) -> None:
    answer = open_system.request("GET", "/health/live", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" not in answer.headers


ISSUER = {"AUTH_JWKS_URL": "https://i/k", "AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"}


def test_rate_limits_are_on_where_callers_are_known_and_come_from_outside() -> None:
    outside = Settings.load(ISSUER | {"HOST": "0.0.0.0"})
    assert outside.rate_limit_of_writes == "600 per minute"
    assert Settings.load(ISSUER).rate_limit_of_writes is None
    assert Settings().rate_limit_of_reads is None
    off = Settings.load(ISSUER | {"HOST": "0.0.0.0", "RATE_LIMIT_READS": "off"})
    assert off.rate_limit_of_reads is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"AUTH_JWKS_URL": "https://i/k"}, "AUTH_ISSUER"),
        ({"AUTH_ISSUER": "i"}, "AUTH_JWKS_URL"),
        ({"AUTH_JWKS_FILE": "k", "AUTH_ISSUER": "i"}, "AUTH_AUDIENCE"),
        (ISSUER | {"AUTH_JWKS_FILE": "k"}, "AUTH_JWKS_FILE"),
        (ISSUER | {"AUTH_DISABLED": "true"}, "AUTH_DISABLED"),
        ({"HOST": "0.0.0.0"}, "AUTH_DISABLED"),
        ({"RATE_LIMIT_READS": "often"}, "RATE_LIMIT_READS"),
        ({"CORS_ORIGINS": "shop.example"}, "CORS_ORIGINS"),
    ],
)
def test_half_of_a_pair_of_settings_stops_the_start_and_is_named(
    given: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.load(given)
