"""Cursors, and what a list of orders may be asked for."""

import hashlib
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask, request

from order_service.application.orders.list import ListOrders, OrderPage, OrderPlace, OrderQuery
from order_service.domain.errors import InvalidValue
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.interface.http.cursors import read_cursor, write_cursor
from order_service.interface.http.order_lists import (
    OrderListParameters,
    link_to_next,
)
from order_service.interface.http.schemas import parameters_of
from tests.orders import ITEM, START, later, pending

PLACE = OrderPlace(START, "0123456789abcdef01234567")
NARROWED: Sequence[object] = (ITEM, OrderStatus.FAILED, START, None)


# --- the use case


class Pages:
    def __init__(self, orders: list[Order]) -> None:
        self.orders = orders

    def page(self, query: OrderQuery) -> list[Order]:
        return self.orders[: query.limit]


def test_a_page_of_orders_that_is_not_the_last_names_its_last_order() -> None:
    orders = [pending(at=later(-n)) for n in range(3)]
    page = ListOrders(Pages(orders))(OrderQuery(limit=2))
    assert page == OrderPage(orders[:2], OrderPlace(later(-1), orders[1].id))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_last_page_of_orders_has_no_next_even_if_it_is_full(number: int) -> None:
    orders = [pending() for _ in range(number)]
    assert ListOrders(Pages(orders))(OrderQuery(limit=2)) == OrderPage(orders, None)


# --- cursors


@pytest.mark.parametrize(
    "at", [START, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]
)
def test_a_cursor_leads_back_to_its_place(at: datetime) -> None:
    place = replace(PLACE, created_at=at)
    cursor = write_cursor(place, NARROWED)
    assert read_cursor(cursor, NARROWED) == place
    assert set(cursor) <= {*string.ascii_letters, *string.digits, "-", "_"}


@pytest.mark.parametrize("position", range(len(write_cursor(PLACE, NARROWED))))
def test_a_cursor_with_any_letter_changed_is_refused(position: int) -> None:
    cursor = write_cursor(PLACE, NARROWED)
    other = "A" if cursor[position] != "A" else "B"
    refuses(cursor[:position] + other + cursor[position + 1 :])


@pytest.mark.parametrize(
    "cursor", ["", "A", "nonsense", "=", "é" * 36, "A" * 36, "A" * 37, "\x00", PLACE.id, "+/" * 18]
)
def test_a_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    refuses(cursor)


def test_a_cursor_with_something_behind_it_is_refused() -> None:
    cursor = write_cursor(PLACE, NARROWED)
    refuses(cursor + "AAAA")
    refuses(cursor[:-4])
    refuses(urlsafe_b64encode(urlsafe_b64decode(cursor)[:-1]).decode())


def test_a_cursor_of_a_list_with_other_filters_is_refused() -> None:
    cursor = write_cursor(PLACE, NARROWED)
    for place in range(len(NARROWED)):
        others = [None if n == place else value for n, value in enumerate(NARROWED)]
        if others != list(NARROWED):
            refuses(cursor, others)


def test_a_cursor_of_an_earlier_release_leads_to_its_place() -> None:
    # As the release before lists by reference wrote them.
    without_filters = "AAABm3ypjy4BI0VniavN7wEjRWd0jasXpVS7"
    with_filters = "AAABm3ypjy4BI0VniavN7wEjRWcNwlKNmkfr"
    given = {"itemId": ITEM, "status": "FAILED", "createdAfter": "2026-01-02T03:04:05.678Z"}
    for parameters, cursor in (({}, without_filters), (given, with_filters)):
        asked = OrderListParameters.parse({**parameters, "cursor": cursor})
        assert asked.query(None).after == PLACE
        assert asked.next_cursor(OrderPage([], PLACE)) == cursor


def test_a_cursor_of_a_list_by_another_reference_or_by_none_is_refused() -> None:
    cursor = OrderListParameters.parse({"reference": "17"}).next_cursor(OrderPage([], PLACE))
    assert OrderListParameters.parse({"reference": "17", "cursor": cursor}).query(None)
    for other in ({}, {"reference": "18"}, {"reference": "17", "status": "FAILED"}):
        with pytest.raises(InvalidValue) as refused:
            OrderListParameters.parse({**other, "cursor": cursor}).query(None)
        assert [field for field, _ in refused.value.problems] == ["cursor"]


def refuses(cursor: str, narrowed_by: Sequence[object] = NARROWED) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_cursor(cursor, narrowed_by)
    assert refused.value.problems[0][0] == "cursor"


# --- parameters


def test_a_list_without_parameters_is_the_20_newest_orders_that_the_caller_may_see() -> None:
    wanted = OrderListParameters.parse({})
    assert wanted.query("somebody") == OrderQuery(customer_id="somebody", limit=20)


def test_every_parameter_of_a_list_of_orders_reaches_the_query() -> None:
    given = {
        "itemId": ITEM.upper(),
        "reference": "2026-17 \N{SNOWMAN}",
        "status": "FAILED",
        "createdAfter": "2026-01-02T03:04:05.678Z",
        "createdBefore": "2026-01-02T05:04:15.678+02:00",
        "limit": "7",
    }
    first = OrderListParameters.parse(given)
    cursor = first.next_cursor(OrderPage([], PLACE))
    query = OrderListParameters.parse(given | {"cursor": cursor}).query(None)
    assert query == OrderQuery(
        item_id=ITEM,
        reference="2026-17 \N{SNOWMAN}",
        status=OrderStatus.FAILED,
        created_from=START,
        created_to=later(10),
        after=PLACE,
        limit=7,
    )


@pytest.mark.parametrize("status", OrderStatus)
def test_orders_can_be_listed_by_each_status(status: OrderStatus) -> None:
    assert OrderListParameters.parse({"status": str(status)}).query(None).status is status


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("itemId", ""),
        ("itemId", "g" * 24),
        ("itemId", ITEM + "a"),
        ("reference", ""),
        ("reference", " "),
        ("reference", "x" * 65),
        ("reference", "17\n"),
        ("reference", "\0"),
        ("status", "failed"),
        ("status", "HELD"),
        ("status", "RESERVED,EXPIRED"),
        ("status", ""),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "20.0"),
        ("limit", " 20"),
        ("limit", "2_0"),
        ("limit", "٢٠"),
        ("limit", ""),
        ("limit", "9" * 5000),
        ("createdAfter", ""),
        ("createdAfter", "yesterday"),
        ("createdAfter", "2026-01-02"),
        ("createdAfter", "2026-01-02T03:04:05"),
        ("createdAfter", "1700000000"),
        ("createdAfter", "2026-13-02T03:04:05Z"),
        ("createdBefore", "0001-01-01T00:00:00+14:00"),
        ("createdBefore", "9999-12-31T23:59:59.9999Z"),
        ("createdBefore", "9999-12-31T23:59:59-01:00"),
        ("cursor", ""),
        ("cursor", "x" * 5000),
    ],
)
def test_a_bad_parameter_of_a_list_of_orders_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        OrderListParameters.parse({name: value}).query(None)
    assert [field for field, _ in refused.value.problems] == [name]


@pytest.mark.parametrize("given", ["678", "678000", "677001", "677000001"])
def test_a_time_between_two_milliseconds_is_rounded_up(given: str) -> None:
    value = {"createdAfter": f"2026-01-02T03:04:05.{given}Z"}
    assert OrderListParameters.parse(value).created_after == START


@pytest.mark.parametrize("milliseconds", [2**63 - 1, -(2**63), 253_402_300_800_000])
def test_a_cursor_with_a_time_that_no_order_can_have_is_refused(milliseconds: int) -> None:
    content = milliseconds.to_bytes(8, signed=True) + bytes(12)
    check = hashlib.blake2b(content + repr([None] * 4).encode(), digest_size=7).digest()
    cursor = urlsafe_b64encode(content + check).decode()
    with pytest.raises(InvalidValue) as refused:
        OrderListParameters.parse({"cursor": cursor}).query(None)
    assert [field for field, _ in refused.value.problems] == ["cursor"]


def test_a_parameter_of_a_list_that_is_given_twice_is_refused() -> None:
    with (
        Flask(__name__).test_request_context("/?status=FAILED&status=PENDING"),
        pytest.raises(InvalidValue, match="status"),
    ):
        parameters_of(request)


def test_the_next_link_of_a_list_repeats_the_filters_and_moves_the_cursor_on() -> None:
    given = {"status": "FAILED", "createdAfter": "2026-01-02T03:04:05+00:00", "cursor": "old"}
    link = link_to_next("/api/orders", given | {"reference": '17 "&>ä'}, "new")
    assert link == (
        "</api/orders?status=FAILED&createdAfter=2026-01-02T03%3A04%3A05%2B00%3A00&cursor=new"
        '&reference=17+%22%26%3E%C3%A4>; rel="next"'
    )
