"""Whatever JSON a stock event holds: it is stored and read back as it was, or refused for good."""

import json
from collections import Counter
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from order_service.application.stock_log.changes import NOT_STORABLE, StockChangeQuery
from order_service.infrastructure.mongo import stock_changes
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.stock_change_pages import PAGE_BYTES
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.interface.http.stock_changes import ShownStockChange, StockChangesAnswer
from tests.integration.mongo.test_stock_change_log import change

TRIED: Counter[str] = Counter()
EXAMPLES = 400

# Names that MongoDB, BSON or a driver of theirs means something by.
TELLING = [
    "$ref", "$id", "$db", "$oid", "$date", "$numberLong", "$numberDecimal", "$binary", "$uuid",
    "$set", "$where", "$type", "_id", "_cls", "a.b", ".", "$", "", "\0", "nul\0", "__proto__",
    "payload", "itemId", "é", "\U0001f600",
]  # fmt: skip
names = st.sampled_from(TELLING) | st.text(max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.sampled_from([2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**300])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["\0", "a\0b", "\ud800", "orders", "64b000000000000000000001"])
)
references = st.fixed_dictionaries(
    {"$ref": st.text(max_size=5), "$id": leaves}, optional={"$db": st.text(max_size=5), "x": leaves}
)
values = st.recursive(
    leaves | references,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int, kind: str) -> Any:
    """That many lists or objects, the innermost empty."""
    if kind == "list":
        return reduce(lambda inner, _: [inner], range(depth - 1), [])
    return reduce(lambda inner, _: {"a": inner}, range(depth - 1), {})


deep = st.builds(nested, st.integers(150, 250), st.sampled_from(["list", "object"]))
payloads = st.dictionaries(names, values | deep, max_size=6) | references


def decoded(payload: dict[str, Any]) -> dict[str, Any] | None:
    """As the consumer reads it from a record; None where that is a dead letter already."""
    try:
        read: dict[str, Any] = from_json(json.dumps(payload), allow_inf_nan=False)
    except ValueError:
        return None
    return read


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(payload=payloads, offset=st.integers(0, 2**63 - 1))
def test_a_payload_comes_back_as_it_was_or_is_refused(
    payload: dict[str, Any], offset: int, database: Database
) -> None:
    read = decoded(payload)
    if read is None:
        TRIED["no JSON"] += 1
        return
    database["stock_changes"].delete_many({})
    log = MongoStockChangeLog(database)
    given, other = change(offset, payload=read), change(offset, partition=1)
    result = log.append([given, other])
    if result.refused:
        [refused] = result.refused
        assert (refused.change, refused.code, result.written) == (given, NOT_STORABLE, 1)
        assert 0 < len(refused.reason) < 300
        TRIED["refused"] += 1
        return
    assert result.written == 2
    entries, _ = log.page(StockChangeQuery())
    assert [entry.change for entry in entries] == [other, given]
    again = log.append([given])
    assert (again.duplicates, again.refused) == (1, ())
    shown = StockChangesAnswer.model_construct(
        stock_changes=[ShownStockChange.of(entry) for entry in entries], next_cursor=None
    )
    assert json.loads(shown.body())["stockChanges"][1]["payload"] == read
    TRIED["stored"] += 1


def test_enough_generated_payloads_were_stored_and_enough_refused() -> None:
    assert TRIED.total() >= 300, TRIED
    assert TRIED["stored"] >= 100, TRIED
    assert TRIED["refused"] >= 10, TRIED


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("depth", [100, 176, 177, 178, 179, 180, 197, 198, 199, 200, 201])
def test_no_depth_of_a_payload_is_an_outage(depth: int, kind: str, database: Database) -> None:
    read = decoded({"a": nested(depth - 1, kind)})
    assert read is not None
    result = MongoStockChangeLog(database).append([change(0), change(1, payload=read), change(2)])
    assert result.written + len(result.refused) == 3
    assert bool(result.refused) == (depth > 180)


def test_one_refused_payload_of_a_large_batch_is_found_in_few_inserts(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    inserts = 0
    insert = stock_changes._insert

    def counted(*given: Any) -> Any:
        nonlocal inserts
        inserts += 1
        return insert(*given)

    monkeypatch.setattr(stock_changes, "_insert", counted)
    bad = change(137, payload={"a": nested(200, "list")})
    batch = [bad if number == 137 else change(number) for number in range(500)]
    result = MongoStockChangeLog(database).append(batch)
    assert (result.written, [each.change for each in result.refused]) == (499, [bad])
    assert 9 < inserts <= 2 * 9 + 1


def test_payloads_with_many_or_long_names_come_back(database: Database) -> None:
    wide = change(0, payload={str(number): number for number in range(20_000)})
    long = change(1, payload={"n" * 60_000: "v" * 60_000})
    log = MongoStockChangeLog(database)
    assert log.append([wide, long]).written == 2
    assert [log.page(StockChangeQuery(limit=1))[0][0].change] == [long]
    assert {entry.change.offset for entry in log.page(StockChangeQuery())[0]} == {0, 1}


@pytest.mark.parametrize(
    "odd", [{"offset": 2**70}, {"topic": "\ud800"}, {"item_id": "\ud800"}, {"new_stock": 2**63}]
)
def test_a_change_with_a_value_mongodb_can_not_hold_is_refused_and_not_held(
    odd: dict[str, Any], database: Database
) -> None:
    log, bad, good = MongoStockChangeLog(database), change(1)._replace(**odd), change(0)
    result = log.append([good, bad])
    assert (result.written, [each.change for each in result.refused]) == (1, [bad])
    assert log.holds([good.place, bad.place]).keys() == {good.place}


# --- pages are bounded by bytes


def walk(database: Database, **query: Any) -> list[list[int]]:
    """The offsets of all pages, from the newest on."""
    log, pages, after, more = MongoStockChangeLog(database), [], None, True
    while more:
        entries, more = log.page(StockChangeQuery(after_id=after, **query))
        pages.append([entry.change.offset for entry in entries])
        after = entries[-1].id
    return pages


def test_a_page_of_large_log_entries_is_short_and_the_walk_misses_none(database: Database) -> None:
    log = MongoStockChangeLog(database)
    for offset in range(30):
        log.append([change(offset, payload={"text": "x" * 63_000})])
    pages = walk(database, limit=100)
    assert [offset for page in pages for offset in page] == list(range(29, -1, -1))
    held = PAGE_BYTES // 63_000
    assert [len(page) for page in pages] == [held] * (30 // held) + [30 % held] * (30 % held > 0)
    assert [offset for page in walk(database, limit=3) for offset in page] == list(
        range(29, -1, -1)
    )


def test_a_log_entry_that_is_larger_than_a_page_has_a_page_of_its_own(database: Database) -> None:
    log = MongoStockChangeLog(database)
    for offset, size in enumerate([10, PAGE_BYTES + 10, 10, 10]):
        log.append([change(offset, payload={"text": "x" * size})])
    assert walk(database, limit=100) == [[3, 2], [1], [0]]
