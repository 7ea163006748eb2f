"""What the API accepts, and how it writes numbers and times."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from order_service.domain.errors import InvalidValue
from order_service.domain.line import MAX_QUANTITY
from order_service.interface.http.answers import Money, Time
from order_service.interface.http.schemas import (
    CancelOrderHeaders,
    CreateOrderBody,
    CreateOrderHeaders,
    StockChangesParameters,
)

ITEM = "a1" * 12


def bad_fields(error: pytest.ExceptionInfo[InvalidValue]) -> list[str]:
    return [field for field, _ in error.value.problems]


# --- the body


@pytest.mark.parametrize("quantity", [1, 2, MAX_QUANTITY])
def test_the_body_of_an_order_is_an_item_and_a_whole_number(quantity: int) -> None:
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


def test_every_bad_field_of_an_orders_body_is_named_at_once() -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse({})
    assert bad_fields(invalid) == ["itemId", "quantity"]
    assert "itemId: " in invalid.value.message
    assert "quantity: " in invalid.value.message


def test_a_refusal_of_an_orders_body_does_not_repeat_the_body() -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderBody.parse({"itemId": "<script>", "quantity": "<script>"})
    assert "<script>" not in json.dumps([invalid.value.message, invalid.value.problems])


def test_two_bodies_that_ask_for_the_same_order_have_one_fingerprint() -> None:
    def fingerprint(item: str, quantity: int) -> str:
        return CreateOrderBody.parse({"itemId": item, "quantity": quantity}).fingerprint()

    assert fingerprint(ITEM, 1) == fingerprint(ITEM.upper(), 1)
    others = {fingerprint(ITEM, 1), fingerprint(ITEM, 2), fingerprint("b" * 24, 1)}
    assert len(others) == 3


# --- headers


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (r'"a\"b\\c"', 'a"b\\c'),
        ('"a, b"', "a, b"),
        ('a"b', 'a"b'),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ("with space", "with space"),
    ],
)
def test_an_idempotency_key_is_taken_bare_or_quoted(header: str, key: str) -> None:
    assert CreateOrderHeaders.parse({"Idempotency-Key": header}).idempotency_key == key


@pytest.mark.parametrize(
    "header",
    ["", " ", '""', '" "', "x" * 256, "ü", "a\tb", "a\nb", "a\x7f", "a,b", '"a","b"', '"a",b'],
)
def test_a_malformed_idempotency_key_is_refused(header: str) -> None:
    with pytest.raises(InvalidValue) as invalid:
        CreateOrderHeaders.parse({"Idempotency-Key": header})
    assert bad_fields(invalid) == ["Idempotency-Key"]


def test_the_idempotency_key_may_be_left_out() -> None:
    assert CreateOrderHeaders.parse({}).idempotency_key is None


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, None),
        ("*", None),
        ('"7"', 7),
        ('"seven"', 0),
        ('"7", "8"', 0),
        ('"7","7"', 7),
        (" ", None),
        (",", 0),
        (",,", 0),
        ('""', 0),
        ('W/"7"', 0),
    ],
)
def test_if_match_names_one_version_or_a_version_that_no_order_has(
    header: str | None, version: int | None
) -> None:
    given = {} if header is None else {"If-Match": header}
    assert CancelOrderHeaders.parse(given).version == version


# --- parameters


def test_a_page_of_the_log_is_20_entries_of_any_item_by_default() -> None:
    asked = StockChangesParameters.parse({})
    assert (asked.item_id, asked.cursor, asked.limit) == (None, None, 20)


@pytest.mark.parametrize("limit", ["1", "100"])
def test_the_limit_of_a_page_of_the_log_is_read_as_a_whole_number(limit: str) -> None:
    assert StockChangesParameters.parse({"limit": limit}).limit == int(limit)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "many", ""])
def test_the_limit_of_a_page_of_the_log_has_bounds(limit: str) -> None:
    with pytest.raises(InvalidValue) as invalid:
        StockChangesParameters.parse({"limit": limit})
    assert bad_fields(invalid) == ["limit"]


AT_NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
A_MILLISECOND = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-31T12:00:00Z", AT_NOON),
        ("2026-01-31t12:00z", AT_NOON),
        ("2026-01-31T12:00:00+0000", AT_NOON),
        ("2026-01-31T12:00:00-00", AT_NOON),
        ("2026-01-31T13:30:00+01:30", AT_NOON),
        ("2026-01-31T13:30:00 01:30", AT_NOON),
        ("2026-01-31 12:00:00 00:00", AT_NOON),
        ("2026-01-31T12:00:00.0000001Z", AT_NOON + A_MILLISECOND),
        ("2026-01-31T11:59:59.999500Z", AT_NOON),
        ("2026-01-31T12:00:00.001Z", AT_NOON + A_MILLISECOND),
    ],
)
def test_a_time_in_a_query_is_taken_as_the_world_writes_times(
    written: str, meant: datetime
) -> None:
    assert StockChangesParameters.parse({"from": written}).logged_from == meant


@pytest.mark.parametrize(
    "written",
    [
        *("", "now", "1700000000", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00 0"),
        *("2026-01-31T12:00:00+9", "2026-01-31T12:00:00+09:60", "2026-01-31T12:00:00+24:00"),
        *("2026-02-30T00:00Z", "2026-01-31T23:59:60Z", "2026-01-31T12:00:00.0000000001Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999Z", "٢026-01-31T12:00:00Z"),
        *("2026-01-31T12:00:00Z\n", "2026-01-31T12:00:00Z+01:00", "2026-01-31T12:00:00  01:00"),
    ],
)
def test_a_time_in_a_query_that_means_two_instants_or_none_is_refused(written: str) -> None:
    with pytest.raises(InvalidValue) as invalid:
        StockChangesParameters.parse({"from": written})
    assert bad_fields(invalid) == ["from"]


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
def test_an_answer_shows_decimals_as_numbers_and_times_in_utc(value: Any, written: str) -> None:
    shown: TypeAdapter[Any] = TypeAdapter(Money if isinstance(value, Decimal) else Time)
    assert shown.dump_json(value).decode() == written
