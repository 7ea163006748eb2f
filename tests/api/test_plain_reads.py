"""The plain read of an order is answered before Flask, and nobody can tell."""

import json

import pytest
import requests

from tests.api.issuer import Issuer, bearer
from tests.integration.telemetry.test_metrics import samples, value
from tests.system import System

# A request that says how long its body is goes to Flask.
BY_FLASK = {"Content-Length": "0"}
ROUTE = "/api/orders/<order_id>"


@pytest.fixture
def order(open_system: System) -> str:
    created: str = open_system.create(open_system.add_item(1)).json()["order"]["_id"]
    return created


@pytest.fixture
def kept_order(open_system: System, order: str) -> str:
    """One that the process has at hand."""
    assert open_system.get(order).status_code == 200
    return order


def told(answer: requests.Response) -> list[tuple[str, str]]:
    """Its headers, in the order of their names, without what differs from request to request."""
    own = {"Date", "X-Request-Id"}
    return sorted((name, said) for name, said in answer.headers.items() if name not in own)


def test_read_first_and_read_again_it_reads_as_if_flask_had_answered(
    open_system: System, order: str
) -> None:
    first, flasks = open_system.get(order), open_system.get(order, headers=BY_FLASK)
    again = open_system.get(order)
    assert first.status_code == flasks.status_code == again.status_code == 200
    assert first.content == flasks.content == again.content
    assert told(first) == told(flasks) == told(again)
    assert len(first.headers["X-Request-Id"]) == 32


def test_so_does_one_that_is_missing(open_system: System) -> None:
    ours, flasks = open_system.get("f" * 24), open_system.get("f" * 24, headers=BY_FLASK)
    assert ours.status_code == flasks.status_code == 404
    assert told(ours) == told(flasks)
    assert ours.json() == {**flasks.json(), "requestId": ours.headers["X-Request-Id"]}


def test_it_is_logged_and_counted_alike(open_system: System, kept_order: str) -> None:
    def counted() -> float:
        metrics = samples(open_system.request("GET", "/metrics").text)
        return value(metrics, "http_request_seconds_count", route=ROUTE, status="200")

    before = counted()
    for name, headers in (("by-hand", {}), ("by-flask", BY_FLASK)):
        open_system.get(kept_order, headers={"X-Request-Id": name, **headers})
    assert counted() == before + 2
    by_hand, by_flask = (logged_as(open_system, name) for name in ("by-hand", "by-flask"))
    assert by_hand == by_flask
    assert (by_hand["route"], by_hand["status"]) == (ROUTE, 200)


def logged_as(system: System, request_id: str) -> dict[str, object]:
    (line,) = [line for line in system.api[0].log().splitlines() if f'"{request_id}"' in line]
    of_this_one = {"request_id", "timestamp", "ms"}
    return {name: said for name, said in json.loads(line).items() if name not in of_this_one}


def test_it_is_told_no_longer_than_it_is_so(open_system: System, kept_order: str) -> None:
    assert open_system.cancel(kept_order).status_code == 200
    for _ in range(2):
        assert open_system.get(kept_order).json()["order"]["status"] == "CANCELLED"


def test_where_tokens_are_asked_for_it_is_nobody_elses(
    guarded_system: System, issuer: Issuer
) -> None:
    def as_(subject: str) -> dict[str, str]:
        return bearer(issuer.token(subject, "orders:read orders:write"))

    body = {"itemId": guarded_system.add_item(1), "quantity": 1}
    created = guarded_system.request(
        "POST", "/api/orders/create", json=body, headers=as_("alice")
    ).json()["order"]["_id"]
    for _ in range(2):
        assert guarded_system.get(created, headers=as_("alice")).status_code == 200
    assert guarded_system.get(created, headers=as_("bob")).status_code == 404
    assert guarded_system.get(created).status_code == 401
