"""What becomes a stock change, and what is poison and why."""

from datetime import UTC, datetime
from typing import Any

import pytest

from order_service.infrastructure.kafka.decoding import Poison, decode
from tests.unit.infrastructure.kafka.fakes import GOOD, TOPIC, record, value

LIMIT = 1000


def without(field: str) -> bytes:
    return value(**{field: None}).replace(f'"{field}": null, '.encode(), b"")


def test_a_record_becomes_a_stock_change_and_keeps_its_unknown_fields() -> None:
    change = decode(record(value(reason="sold"), 7, partition=3), LIMIT)
    assert (change.topic, change.partition, change.offset) == ("stock-updates", 3, 7)
    assert (change.item_id, change.previous_stock, change.new_stock) == (GOOD["itemId"], 100, 98)
    assert (change.change_type, change.change_amount) == ("reduced", 2)
    assert change.updated_at == datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert change.payload == GOOD | {"reason": "sold"}


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-01-02T03:04:05Z", 3), ("2026-01-02T03:04:05+02:00", 1), ("2026-01-02T03:04:05", 3)],
)
def test_a_stock_events_time_is_read_as_utc(written: str, hour: int) -> None:
    assert decode(record(value(updatedAt=written)), LIMIT).updated_at.hour == hour


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "tombstone"),
        (b"", "not_json"),
        (b"hello", "not_json"),
        (b'{"itemId": "a"', "not_json"),
        (b'{"itemId": NaN}', "not_json"),
        (b"[" * 500, "not_json"),
        (b'"\\ud800"', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"itemId": "\xff"}', "not_utf8"),
        (b"[]", "wrong_shape"),
        (b'"text"', "wrong_shape"),
        (b"12", "wrong_shape"),
        (b"null", "wrong_shape"),
        (value(note="x" * LIMIT), "too_large"),
        (b"{}", "missing_field"),
        (value(changeType="stolen"), "unknown_change_type"),
        (value(changeType=None), "unknown_change_type"),
        (value(changeType=["added"]), "unknown_change_type"),
        (value(itemId=""), "invalid_field"),
        (value(itemId=7), "invalid_field"),
        (value(itemId="x" * 257), "invalid_field"),
        (value(previousStock="100"), "invalid_field"),
        (value(previousStock=True), "invalid_field"),
        (value(newStock=98.5), "invalid_field"),
        (value(newStock=2**63), "invalid_field"),
        (value(changeAmount=None), "invalid_field"),
        (value(updatedAt="yesterday"), "invalid_field"),
        (value(updatedAt=1_700_000_000), "invalid_field"),
        (value(updatedAt="0001-01-01T00:00:00+12:00"), "invalid_field"),
    ],
)
def test_a_poison_record_is_named_by_its_code(content: bytes | None, code: str) -> None:
    with pytest.raises(Poison) as poison:
        decode(record(content), LIMIT)
    assert poison.value.code == code
    assert poison.value.reason.endswith(".")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"[]", "an array"),
        (b'"text"', "a string"),
        (b"12", "a number"),
        (b"1.5", "a number"),
        (b"true", "a boolean"),
        (b"null", "null"),
    ],
)
def test_a_record_of_another_shape_is_told_in_the_words_of_json(content: bytes, name: str) -> None:
    with pytest.raises(Poison) as poison:
        decode(record(content), LIMIT)
    assert poison.value.reason == f"A JSON object is expected, not {name}."


@pytest.mark.parametrize("field", list(GOOD)[:-1])
def test_a_missing_field_of_a_stock_event_is_named(field: str) -> None:
    with pytest.raises(Poison, match=f"{field} is missing") as poison:
        decode(record(without(field)), LIMIT)
    assert poison.value.code == "missing_field"


def test_a_replay_keeps_the_identity_of_the_first_delivery() -> None:
    headers: list[tuple[str, Any]] = [
        ("replay.topic", TOPIC.encode()),
        ("replay.partition", b"2"),
        ("replay.offset", b"41"),
        ("replay.count", b"1"),
    ]
    change = decode(record(value(), 90, headers=headers), LIMIT)
    assert (change.topic, change.partition, change.offset) == (TOPIC, 2, 41)


@pytest.mark.parametrize(
    "headers",
    [
        [("replay.topic", b"stock_updates")],
        [("replay.topic", b"t"), ("replay.partition", b"x"), ("replay.offset", b"1")],
        [("replay.topic", None), ("replay.partition", b"0"), ("replay.offset", b"1")],
    ],
)
def test_headers_that_name_no_first_delivery_are_ignored(headers: list[tuple[str, Any]]) -> None:
    assert decode(record(value(), 90, headers=headers), LIMIT).offset == 90
