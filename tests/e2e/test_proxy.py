"""The recommended shape: nginx as docker/nginx.conf sets it up, and the API behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.processes import api_workers
from tests.proxy import Proxy
from tests.slow_clients import KINDS, SlowClients
from tests.system import Parts, System

MANY = 200


@pytest.fixture(scope="module")
def behind(
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    parts = Parts(mongo, kafka, inventory)
    settings = {"TRUSTED_PROXIES": "1", "RATE_LIMIT_READS": "1000 per minute"}
    with System(parts, tmp_path_factory.mktemp("behind"), settings, workers=0) as system:
        yield system


@pytest.fixture(scope="module")
def proxy(behind: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(behind.urls[0], tmp_path_factory.mktemp("proxy") / "nginx") as proxy:
        yield proxy


@pytest.mark.parametrize("kind", KINDS)
def test_200_slow_clients_of_nginx_hold_up_no_other_client(
    kind: str, proxy: Proxy, behind: System
) -> None:
    item = behind.add_item(10)
    before = api_workers(behind)
    with SlowClients(proxy.port, kind, MANY):
        for url in (proxy.url, behind.urls[0]):
            assert behind.request("GET", "/health/live", url=url, timeout=5).status_code == 200
        assert [behind.create(item, url=proxy.url).status_code for _ in range(5)] == [201] * 5
    assert api_workers(behind) == before
    assert "[emerg]" not in proxy.log
    assert "[alert]" not in proxy.log


def test_forwarded_headers_that_a_client_sends_through_nginx_are_not_believed(
    proxy: Proxy, behind: System
) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "//evil.example",
        "X-Forwarded-Proto": "https",
    }
    answer = behind.request("GET", "/api/orders?limit=1", url=proxy.url, headers=lies)
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers
    item = behind.add_item(1)
    created = behind.request(
        "POST", "/api/orders", url=proxy.url, json={"itemId": item, "quantity": 1}, headers=lies
    )
    assert "evil.example" not in created.headers["Location"]
    assert created.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "code"),
    [
        ("/" + "a" * 9000, {}, b"", 414, "request-uri_too_long"),
        ("/", {"X-A": "a" * 9000}, b"", 400, "bad_request"),
        ("/api/orders", {}, b"a" * 70_000, 413, "request_entity_too_large"),
    ],
)
def test_a_request_that_nginx_refuses_is_answered_with_a_problem_as_the_api_would(
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    code: str,
    proxy: Proxy,
    behind: System,
) -> None:
    answer = behind.request("POST", path, url=proxy.url, headers=headers, data=body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"] == problem["message"]


def test_an_api_that_is_away_behind_nginx_is_a_502_with_a_problem(
    proxy: Proxy, behind: System, tmp_path: Path
) -> None:
    with Proxy("http://127.0.0.1:1", tmp_path / "nginx") as alone:
        answer = behind.request("GET", "/api/orders", url=alone.url)
    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_gateway"
