"""What the API accepts, and how it writes numbers and times."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from order_service.domain.errors import InvalidValue
from order_service.domain.order import MAX_QUANTITY
from order_service.interface.http.schemas import (
    ApiJson,
    CancelOrderHeaders,
    CreateOrderBody,
    CreateOrderHeaders,
    StockChangesParameters,
    json_body,
)

ITEM = "a1" * 12


def bad_fields(error: pytest.ExceptionInfo[InvalidValue]) -> list[str]:
    return [each["field"] for each in error.value.details["errors"]]


# --- the body


@pytest.mark.parametrize("quantity", [1, 2, MAX_QUANTITY])
def test_an_order_is_an_item_and_a_whole_number(quantity: int) -> None:
    body = CreateOrderBody.parse({"itemId": ITEM.upper(), "quantity": quantity, "more": []})
    assert (body.item_id, body.quantity) == (ITEM, quantity)


@pytest.mark.parametrize("quantity", [True, False, "1", 1.0, 1.5, 0, -1, MAX_QUANTITY + 1, None])
def test_a_quantity_is_taken_strictly(quantity: Any) -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse({"itemId": ITEM, "quantity": quantity})
    assert bad_fields(invalid) == ["quantity"]


@pytest.mark.parametrize(
    "item", ["", "a" * 23, "a" * 25, "g" * 24, " " + "a" * 23, ITEM + "\n", 1, b"a" * 24, None]
)
def test_an_item_is_24_hexadecimal_digits(item: Any) -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse({"itemId": item, "quantity": 1})
    assert bad_fields(invalid) == ["itemId"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse({})
    assert bad_fields(invalid) == ["itemId", "quantity"]
    assert "itemId: " in invalid.value.message
    assert "quantity: " in invalid.value.message


def test_what_was_sent_is_not_echoed() -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse({"itemId": "<script>", "quantity": "<script>"})
    assert "<script>" not in json.dumps([invalid.value.message, invalid.value.details])


def test_two_bodies_have_one_fingerprint_when_they_ask_for_the_same() -> None:
    def fingerprint(item: str, quantity: int) -> str:
        return CreateOrderBody.parse({"itemId": item, "quantity": quantity}).fingerprint()

    assert fingerprint(ITEM, 1) == fingerprint(ITEM.upper(), 1)
    others = {fingerprint(ITEM, 1), fingerprint(ITEM, 2), fingerprint("b" * 24, 1)}
    assert len(others) == 3


@pytest.fixture
def app() -> Flask:
    app = Flask("test")
    app.config["MAX_CONTENT_LENGTH"] = 100
    return app


def test_a_body_is_a_json_object(app: Flask) -> None:
    with app.test_request_context(method="POST", json={"itemId": ITEM}):
        assert json_body(request) == {"itemId": ITEM}


@pytest.mark.parametrize("data", ["", "{", "[]", "null", "1", '"{}"', "[" * 99])
def test_anything_else_is_no_body(data: str, app: Flask) -> None:
    with (
        app.test_request_context(method="POST", data=data, content_type="application/json"),
        pytest.raises(InvalidValue) as invalid,
    ):
        json_body(request)
    assert bad_fields(invalid) == ["body"]


def test_another_content_type_is_no_json(app: Flask) -> None:
    with (
        app.test_request_context(method="POST", data="{}", content_type="text/plain"),
        pytest.raises(UnsupportedMediaType),
    ):
        json_body(request)


def test_a_body_over_the_limit_is_refused(app: Flask) -> None:
    with (
        app.test_request_context(
            method="POST", data="{}".ljust(101), content_type="application/json"
        ),
        pytest.raises(RequestEntityTooLarge),
    ):
        json_body(request)


# --- headers


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (r'"a\"b\\c"', 'a"b\\c'),
        ('a"b', 'a"b'),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ("with space", "with space"),
    ],
)
def test_a_key_is_taken_bare_or_quoted(header: str, key: str) -> None:
    assert CreateOrderHeaders.parse({"Idempotency-Key": header}).idempotency_key == key


@pytest.mark.parametrize("header", ["", " ", '""', '" "', "x" * 256, "ü", "a\tb", "a\nb", "a\x7f"])
def test_a_key_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderHeaders.parse({"Idempotency-Key": header})
    assert bad_fields(invalid) == ["Idempotency-Key"]


def test_a_key_may_be_left_out() -> None:
    assert CreateOrderHeaders.parse({}).idempotency_key is None


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, None),
        ("*", None),
        ('"7"', 7),
        ('"seven"', 0),
        ('"7", "8"', 0),
        ('W/"7"', 0),
    ],
)
def test_if_match_names_one_version_or_one_that_nobody_has(
    header: str | None, version: int | None
) -> None:
    given = {} if header is None else {"If-Match": header}
    assert CancelOrderHeaders.parse(given).version == version


# --- parameters


def test_the_log_is_asked_for_20_entries_of_any_item_unless_told_otherwise() -> None:
    asked = StockChangesParameters.parse({})
    assert (asked.item_id, asked.cursor, asked.limit) == (None, None, 20)


@pytest.mark.parametrize("limit", ["1", "100"])
def test_a_limit_is_a_number_in_words_of_a_url(limit: str) -> None:
    assert StockChangesParameters.parse({"limit": limit}).limit == int(limit)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "many", ""])
def test_a_limit_has_bounds(limit: str) -> None:
    with pytest.raises(InvalidValue) as invalid:
        StockChangesParameters.parse({"limit": limit})
    assert bad_fields(invalid) == ["limit"]


# --- how things are written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("59.97"), "59.97"),
        (Decimal("0.10"), "0.1"),
        (Decimal("100.00"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("123456789012.99"), "123456789012.99"),
        (datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), '"2026-01-02T03:04:05.678Z"'),
        (
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
            '"2026-01-02T01:04:05.000Z"',
        ),
    ],
)
def test_decimals_are_numbers_and_times_are_utc(value: Any, written: str, app: Flask) -> None:
    assert ApiJson(app).dumps(value) == written
