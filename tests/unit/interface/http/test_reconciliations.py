"""GET /api/items/<id>/reconciliation"""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.domain.errors import (
    InvalidValue,
    InventoryUnavailable,
    NoSuchItem,
    StoreUnavailable,
    TooMuchToCompare,
)
from order_service.interface.http.app import create_app
from order_service.reconciliation.of_an_item import Compared
from order_service.reconciliation.report import ItemReport
from tests.use_cases import only

ITEM = "b" * 24
PATH = f"/api/items/{ITEM}/reconciliation"
SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGREES = Compared(SINCE, ItemReport(ITEM, 7, 0, 0))


def client_of(reconcile: Any, authenticate: Authenticate | None = None) -> FlaskClient:
    return create_app(only(reconcile_item=reconcile), authenticate).test_client()


def test_a_report_comes_with_the_time_since_which_it_is() -> None:
    answer = client_of(Mock(return_value=AGREES)).get(PATH)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.get_json()["since"] == "2026-01-01T12:00:00.000Z"
    report = answer.get_json()["report"]
    assert (report["itemId"], report["agrees"], report["stockNow"]) == (ITEM, True, 7)


@pytest.mark.parametrize(("query", "since"), [("", None), ("?since=2026-01-01T12:00Z", SINCE)])
def test_the_use_case_is_told_since_when(query: str, since: datetime | None) -> None:
    reconcile = Mock(return_value=AGREES)
    assert client_of(reconcile).get(PATH + query).status_code == 200
    assert reconcile.call_args_list == [((ITEM, since),)]


@pytest.mark.parametrize("value", ["", "2h", "1700000000", "2026-01-01T12:00", "\0", "9" * 5000])
def test_a_bad_time_is_named(value: str) -> None:
    answer = client_of(Mock(return_value=AGREES)).get(f"{PATH}?since={quote(value)}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, "since")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NoSuchItem(ITEM), 404, "no_such_item"),
        (InvalidValue("since", "must be in the past"), 400, "invalid_request"),
        (TooMuchToCompare(ITEM, 20_001, 20_000), 400, "too_much_to_compare"),
        (InventoryUnavailable("The inventory did not answer."), 503, "inventory_unavailable"),
        (StoreUnavailable("No primary."), 503, "store_unavailable"),
        (RuntimeError("a defect"), 500, "internal_error"),
    ],
)
def test_a_comparison_that_can_not_be_made_is_answered_with_its_status(
    error: Exception, status: int, code: str
) -> None:
    answer = client_of(Mock(side_effect=error)).get(PATH)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_too_much_to_compare_says_what_to_do() -> None:
    answer = client_of(Mock(side_effect=TooMuchToCompare(ITEM, 20_001, 20_000))).get(PATH)
    problem = answer.get_json()
    assert (problem["records"], problem["most"]) == (20_001, 20_000)
    assert "later `since`" in problem["detail"]
    assert f"order-service reconcile --item {ITEM}" in problem["detail"]


@pytest.mark.parametrize("odd", ["x", "b" * 23, "g" * 24, "%00", "b" * 24 + "%0a"])
def test_an_id_that_can_be_no_items_is_a_404_and_nothing_is_read(odd: str) -> None:
    reconcile = Mock(side_effect=AssertionError("nothing is read"))
    answer = client_of(reconcile).get(f"/api/items/{odd}/reconciliation")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_such_item")


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (Scope.ORDERS_ADMIN, 200),
        (Scope.STOCK_READ, 403),
        (Scope.ORDERS_READ, 403),
        (Scope.ORDERS_WRITE, 403),
    ],
)
def test_a_comparison_is_for_administrators(scope: Scope, status: int) -> None:
    def authenticate(_: str) -> Caller:
        return Caller("alice", frozenset({scope}))

    client = client_of(Mock(return_value=AGREES), authenticate)
    assert client.get(PATH).status_code == 401
    assert client.get(PATH, headers={"Authorization": "Bearer -"}).status_code == status
