"""GET /api/items/<id>/stock"""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from order_service.application.callers import Authenticate, Caller, Scope
from order_service.application.stock_log.series import Point, ReadStockSeries, StockSeries
from order_service.domain.errors import StoreUnavailable
from order_service.interface.http.app import create_app
from tests.unit.fakes import FakeClock
from tests.use_cases import only

ITEM = "b" * 24
PATH = f"/api/items/{ITEM}/stock"
BEGIN, END = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 2, 12, tzinfo=UTC)
AT = datetime(2026, 1, 1, 12, 0, 5, 678_000, UTC)
NOTHING = StockSeries(ITEM, BEGIN, END, True, None, ())


def client_of(read: Any, authenticate: Authenticate | None = None) -> FlaskClient:
    return create_app(only(read_stock_series=read), authenticate).test_client()


def shown(series: StockSeries) -> Any:
    answer = client_of(Mock(return_value=series)).get(PATH)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.get_json()


def test_each_change_is_shown_with_its_time_its_stock_and_whether_it_jumped() -> None:
    points = (Point(AT, 5, previous=7), Point(AT, 9, jump=True, previous=8))
    assert shown(StockSeries(ITEM, BEGIN, END, True, Point(BEGIN, 7), points)) == {
        "itemId": ITEM,
        "from": "2026-01-01T12:00:00.000Z",
        "to": "2026-01-02T12:00:00.000Z",
        "exact": True,
        "before": {"at": "2026-01-01T12:00:00.000Z", "stock": 7},
        "points": [
            {"at": "2026-01-01T12:00:05.678Z", "stock": 5, "jump": False, "previousStock": 7},
            {"at": "2026-01-01T12:00:05.678Z", "stock": 9, "jump": True, "previousStock": 8},
        ],
    }


def test_the_stock_at_moments_says_that_it_is_not_each_change() -> None:
    answer = shown(StockSeries(ITEM, BEGIN, END, False, None, (Point(AT, 5),)))
    assert (answer["exact"], len(answer["points"])) == (False, 1)
    assert answer["points"][0]["previousStock"] is None


def test_an_item_that_the_log_never_heard_of_has_no_points_and_nothing_before() -> None:
    answer = shown(NOTHING)
    assert (answer["before"], answer["points"]) == (None, [])


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", (None, None)),
        ("?from=2026-01-01T12:00Z", (BEGIN, None)),
        ("?to=2026-01-02T13:00:00.000%2B01:00", (None, END)),
        # A plus that somebody did not quote.
        ("?to=2026-01-02T13:00:00.000+01:00", (None, END)),
        ("?from=2026-01-01T12:00:05.6775Z", (AT, None)),
    ],
)
def test_times_are_read_as_those_of_the_lists(query: str, asked: tuple[Any, Any]) -> None:
    read = Mock(return_value=NOTHING)
    assert client_of(read).get(PATH + query).status_code == 200
    assert read.call_args_list == [((ITEM, *asked),)]


NO_TIMES = ["", "now", "1700000000", "2026-01-01", "2026-01-01T12:00", "2026-02-30T12:00Z", "\0"]


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", [*NO_TIMES, "0001-01-01T00:00+23:00", "9" * 5000])
def test_a_bad_time_is_named(value: str, name: str) -> None:
    answer = client_of(Mock(return_value=NOTHING)).get(f"{PATH}?{name}={quote(value)}")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.get_json()["errors"]] == [name]


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-01-01T12:00Z&to=2026-01-01T12:00Z",
        "from=2026-01-01T12:01Z&to=2026-01-01T12:00Z",
        "from=2099-01-01T00:00Z",
        "from=2024-01-01T00:00Z&to=2026-01-01T00:00Z",
        "from=0001-01-01T00:00Z",
        "from=2026-01-01T12:00Z&from=2026-01-01T12:00Z",
    ],
)
def test_times_that_make_no_range_are_a_400_that_names_from(query: str) -> None:
    nobody: Any = Mock(side_effect=AssertionError("nothing is read"))
    answer = client_of(ReadStockSeries(nobody, FakeClock())).get(f"{PATH}?{query}")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.get_json()["errors"]] == ["from"]


@pytest.mark.parametrize("odd", ["x", "b" * 23, "g" * 24, "%00", "b" * 24 + "%0a"])
def test_an_id_that_can_be_no_items_is_a_404_and_nothing_is_read(odd: str) -> None:
    read = Mock(side_effect=AssertionError("nothing is read"))
    answer = client_of(read).get(f"/api/items/{odd}/stock")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_such_item")


def test_a_store_that_is_away_is_a_503() -> None:
    answer = client_of(Mock(side_effect=StoreUnavailable("No primary."))).get(PATH)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


@pytest.mark.parametrize(
    ("scope", "status"), [(Scope.STOCK_READ, 200), (Scope.ORDERS_READ, 403), ("orders:admin", 403)]
)
def test_the_stock_is_for_those_who_may_read_the_stock(scope: str, status: int) -> None:
    def authenticate(_: str) -> Caller:
        return Caller("alice", frozenset({scope}))

    client = client_of(Mock(return_value=NOTHING), authenticate)
    assert client.get(PATH).status_code == 401
    assert client.get(PATH, headers={"Authorization": "Bearer -"}).status_code == status
