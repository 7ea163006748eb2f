"""What the API accepts, and how it writes numbers and times."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from order_service.domain.errors import InvalidValue
from order_service.interface.http.answers import Money, Time
from order_service.interface.http.dead_letters import ReplayBody
from order_service.interface.http.schemas import (
    ChangeOrderHeaders,
    CreateOrderHeaders,
    ExtendHoldBody,
    Schema,
    StockChangesParameters,
)
from order_service.interface.http.stuck_orders import SettleOrderBody


def bad_fields(error: pytest.ExceptionInfo[InvalidValue]) -> list[str]:
    return [field for field, _ in error.value.problems]


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
    assert ChangeOrderHeaders.parse(given).version == version


# --- the body of an extension


@pytest.mark.parametrize("seconds", [1, 900, 31_536_000])
def test_a_hold_is_extended_by_a_whole_number_of_seconds(seconds: int) -> None:
    assert ExtendHoldBody.parse({"holdSeconds": seconds, "more": []}).hold_seconds == seconds


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"holdseconds": 60}, {"hold_seconds": 60}),
        *({"holdSeconds": bad} for bad in (0, -1, 1.5, 60.0, True, "60", None, [60], 10**400)),
    ],
    ids=lambda body: str(body)[:25],
)
def test_an_extension_without_a_whole_number_of_seconds_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as invalid:
        ExtendHoldBody.parse(body)
    assert bad_fields(invalid) == ["holdSeconds"]


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


@pytest.mark.parametrize(
    ("schema", "given", "reason"),
    [
        (ExtendHoldBody, {}, "is missing"),
        (ExtendHoldBody, {"holdSeconds": "abc"}, "must be a whole number"),
        (ExtendHoldBody, {"holdSeconds": 1.5}, "must be a whole number"),
        (ExtendHoldBody, {"holdSeconds": 0}, "must be at least 1"),
        (ExtendHoldBody, {"holdSeconds": 10**30}, "must be at most 31536000"),
        (ReplayBody, {"ids": [], "force": False}, "must have at least 1 entries"),
        (ReplayBody, {"ids": [1], "force": False}, "must be a text"),
        (ReplayBody, {"ids": ["a/0/1"], "force": 1}, "must be true or false"),
        (SettleOrderBody, {"outcome": "failed", "reason": ""}, "must have at least 1 characters"),
        (SettleOrderBody, {"outcome": "x", "reason": "x"}, "must be 'completed' or 'failed'"),
        (StockChangesParameters, {"itemId": "{}"}, "must match ^[0-9a-fA-F]{24}$"),
    ],
)
def test_what_is_wrong_is_told_to_people_and_not_in_the_librarys_words(
    schema: type[Schema], given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidValue) as invalid:
        schema.parse(given)
    assert [told for _, told in invalid.value.problems] == [reason]
