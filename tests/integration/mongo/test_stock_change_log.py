"""One behaviour suite for the stock-change log, over MongoDB."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from order_service.application.stock_log.changes import StockChange, StockChangeQuery
from order_service.application.stock_log.lost_updates import Step
from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo import stock_change_pages
from order_service.infrastructure.mongo.connection import Database, collection_of
from order_service.infrastructure.mongo.retention import keep_stock_changes
from order_service.infrastructure.mongo.stock_change_documents import StockChangeDocument
from order_service.infrastructure.mongo.stock_change_pages import PAGE_BYTES
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from tests.integration.connections import connected

ITEM, OTHER = "a" * 24, "b" * 24
START = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)


class SetClock:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def change(offset: int = 0, **fields: Any) -> StockChange:
    default = StockChange(
        topic="stock-updates",
        partition=0,
        offset=offset,
        item_id=ITEM,
        previous_stock=100,
        new_stock=98,
        change_type="reduced",
        change_amount=2,
        updated_at=START - timedelta(seconds=1),
        payload={"itemId": ITEM, "note": "as it came", "deep": {"list": [1, 2.5, None, True]}},
    )
    return default._replace(**fields)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def log(database: Database, clock: SetClock) -> MongoStockChangeLog:
    return MongoStockChangeLog(database, clock)


def logged(log: MongoStockChangeLog, **query: Any) -> list[int]:
    """The offsets of a page."""
    return [entry.change.offset for entry in log.page(StockChangeQuery(**query))[0]]


class TestBehaviour:
    def test_a_stock_change_comes_back_from_the_log_as_it_went_in(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        given = change(7, topic="stock_updates", partition=3, contradictory=True)
        log.append([given])
        ((entry,), _) = log.page(StockChangeQuery())
        assert entry.change == given
        assert entry.created_at == clock.at
        assert len(entry.id) == 24

    def test_a_batch_of_stock_changes_is_written_in_its_order(
        self, log: MongoStockChangeLog
    ) -> None:
        result = log.append([change(n) for n in range(50)])
        assert (result.written, result.duplicates, result.refused) == (50, 0, ())
        assert logged(log, limit=100) == list(range(49, -1, -1))

    def test_a_record_is_logged_once_however_often_it_is_delivered(
        self, log: MongoStockChangeLog
    ) -> None:
        log.append([change(0), change(1)])
        result = log.append([change(1), change(2), change(2)])
        assert (result.written, result.duplicates, result.refused) == (1, 2, ())
        assert logged(log) == [2, 1, 0]

    def test_one_offset_of_two_partitions_or_topics_is_two_records(
        self, log: MongoStockChangeLog
    ) -> None:
        result = log.append([change(0), change(0, partition=1), change(0, topic="stock_updates")])
        assert result.written == 3

    def test_an_offset_that_comes_back_with_another_change_is_no_duplicate(
        self, log: MongoStockChangeLog
    ) -> None:
        log.append([change(0)])
        again = change(0, payload={"itemId": ITEM, "note": "from a topic made anew"})
        result = log.append([again, change(1)])
        assert (result.written, result.duplicates) == (1, 0)
        assert [(each.change, each.code) for each in result.refused] == [(again, "offset_reused")]

    def test_an_empty_batch_writes_nothing_to_the_log(self, log: MongoStockChangeLog) -> None:
        assert log.append([]).written == 0

    def test_pages_of_the_log_are_newest_first_and_follow_each_other(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        for offset in range(5):
            log.append([change(offset)])
            clock.sleep(0.4)
        seen, after = [], None
        for more in (True, True, False):
            page = log.page(StockChangeQuery(limit=2, after_id=after))
            assert page[1] is more
            seen.append([entry.change.offset for entry in page[0]])
            after = page[0][-1].id
        assert seen == [[4, 3], [2, 1], [0]]

    def test_a_page_of_the_log_can_be_of_an_item_of_a_type_or_of_both(
        self, log: MongoStockChangeLog
    ) -> None:
        log.append(
            [
                change(0),
                change(1, item_id=OTHER),
                change(2, change_type="added"),
                change(3, item_id=OTHER, change_type="added"),
            ]
        )
        assert logged(log, item_id=ITEM) == [2, 0]
        assert logged(log, change_type="added") == [3, 2]
        assert logged(log, item_id=OTHER, change_type="added") == [3]
        assert logged(log, item_id="c" * 24) == []

    def test_a_page_of_the_log_can_be_of_a_time_span_whose_end_is_excluded(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        for offset in range(6):
            clock.at = START + timedelta(milliseconds=400 * offset)
            log.append([change(offset)])
        middle = {
            "created_from": START + timedelta(milliseconds=400),
            "created_to": START + timedelta(milliseconds=1600),
        }
        assert logged(log, **middle) == [3, 2, 1]
        after = log.page(StockChangeQuery(**middle, limit=1))[0][0].id
        assert logged(log, **middle, after_id=after, item_id=ITEM) == [2, 1]
        assert logged(log, created_from=START + timedelta(milliseconds=1999)) == [5]

    def test_the_newest_entry_of_the_log_is_first_even_if_the_clock_goes_back(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        log.append([change(0)])
        clock.sleep(-30)
        log.append([change(1)])
        assert logged(log) == [1, 0]
        assert logged(log, created_from=START) == [1, 0]

    def test_the_log_can_be_asked_for_one_change_since_a_time(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        log.append([change(0, previous_stock=10, new_stock=7, updated_at=START)])
        assert log.has_change(ITEM, 10, 7, START)
        assert not log.has_change(ITEM, 10, 7, START + timedelta(milliseconds=1))
        assert not log.has_change(ITEM, 7, 10, START)
        assert not log.has_change(OTHER, 10, 7, START)

    def test_an_items_changes_since_a_time_are_read_in_the_order_of_the_log(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        log.append([change(0, previous_stock=11, new_stock=10)])
        clock.sleep(5)
        log.append([change(1, previous_stock=10, new_stock=8, updated_at=START)])
        log.append([change(2, previous_stock=8, new_stock=9, change_type="added")])
        log.append([change(3, item_id=OTHER)])
        since = START + timedelta(seconds=4)
        assert [step[:2] for step in log.steps(ITEM, since, 9)] == [(10, 8), (8, 9)]
        assert log.steps(ITEM, since, 1) == [Step(10, 8, START)]

    def test_a_change_that_the_log_took_late_does_not_count_as_one_since_then(
        self, log: MongoStockChangeLog, clock: SetClock
    ) -> None:
        clock.sleep(5)
        log.append([change(0, previous_stock=10, new_stock=7, updated_at=START)])
        assert log.has_change(ITEM, 10, 7, START)
        assert not log.has_change(ITEM, 10, 7, START + timedelta(milliseconds=1))


class TestOnTheServer:
    @pytest.mark.parametrize(
        "payload",
        [
            {"big": 2**70},
            {"nul\0": 1},
            {"deep": reduce(lambda inner, _: {"a": inner}, range(185), {})},
        ],
    )
    def test_a_payload_that_can_not_be_stored_is_refused_and_its_batch_is_kept(
        self, log: MongoStockChangeLog, payload: dict[str, Any]
    ) -> None:
        log.append([change(0)])
        bad = change(2, payload=payload)
        result = log.append([change(0), change(1), bad, change(3)])
        assert (result.written, result.duplicates) == (2, 1)
        assert [(each.change, each.code) for each in result.refused] == [(bad, "not_storable")]
        assert logged(log) == [3, 1, 0]

    def test_a_document_beyond_the_servers_limit_is_refused(self, log: MongoStockChangeLog) -> None:
        bad = change(1, payload={"text": "x" * 17_000_000})
        result = log.append([change(0), bad])
        assert result.written == 1
        assert [each.code for each in result.refused] == ["not_storable"]

    def test_odd_names_in_the_payload_come_back(self, log: MongoStockChangeLog) -> None:
        odd = change(payload={"": 1, "$set": {"a.b": 2}, "_id": "x", "$ref": "y"})
        log.append([odd])
        assert log.page(StockChangeQuery())[0][0].change == odd

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"item_id": ITEM},
            {"change_type": "added"},
            {"item_id": ITEM, "change_type": "added"},
            {"created_from": START, "created_to": START + timedelta(hours=1)},
            {"item_id": ITEM, "created_from": START},
            {"change_type": "added", "created_to": START + timedelta(hours=1)},
            {"item_id": ITEM, "change_type": "added", "created_from": START},
        ],
    )
    def test_every_page_of_the_log_is_read_from_an_index_in_its_order(
        self, log: MongoStockChangeLog, query: dict[str, Any], database: Database
    ) -> None:
        kinds = [(item, kind) for item in (ITEM, OTHER) for kind in ("added", "reduced")]
        log.append([change(n, item_id=i, change_type=k) for n, (i, k) in enumerate(kinds * 50)])
        profiled(database, lambda: logged(log, **query, limit=5))
        sizes, page = database["system.profile"].find({"op": "query"}).sort("ts", 1)
        for seen in (sizes, page):
            assert "COLLSCAN" not in seen["planSummary"]
            # Of 200; the planner tries its candidates for a few.
            assert seen["docsExamined"] <= 25
        assert not sizes.get("hasSortStage", False)
        assert page["docsExamined"] <= 5

    def test_no_entry_is_fetched_that_a_page_of_the_log_has_no_room_for(
        self, log: MongoStockChangeLog, database: Database
    ) -> None:
        large = {"numbers": [0] * 30_000}
        log.append([change(n, payload=large) for n in range(30)])
        profiled(database, lambda: log.page(StockChangeQuery(limit=30)))
        fetched = database["system.profile"].find({"op": {"$in": ["query", "getmore"]}})
        assert sum(each["responseLength"] for each in fetched) < PAGE_BYTES + 4096

    def test_log_entries_that_expire_while_a_page_is_read_end_the_walk(
        self, log: MongoStockChangeLog, monkeypatch: pytest.MonkeyPatch, database: Database
    ) -> None:
        log.append([change(n) for n in range(3)])
        fitting = stock_change_pages._fitting

        def expired(*given: Any) -> Any:
            found = fitting(*given)
            database["stock_changes"].delete_many({})
            return found

        monkeypatch.setattr(stock_change_pages, "_fitting", expired)
        assert log.page(StockChangeQuery(limit=2)) == ([], False)

    def test_log_entries_expire_when_a_retention_is_set_and_stay_when_none_is(
        self, database: Database
    ) -> None:
        def expiry() -> int | None:
            indexes = database["stock_changes"].index_information()
            return indexes["expiry"]["expireAfterSeconds"] if "expiry" in indexes else None

        seen = []
        for days in (0, 30, 30, 7, 0, 0):
            keep_stock_changes(database, days)
            seen.append(expiry())
        assert seen == [None, 30 * 86_400, 30 * 86_400, 7 * 86_400, None, None]

    def test_writes_of_the_log_are_acknowledged_by_a_majority_and_journaled(
        self, database: Database
    ) -> None:
        concern = collection_of(database, StockChangeDocument).write_concern.document
        assert concern == {"w": "majority", "j": True}


def test_a_store_that_is_away_is_an_error_of_the_log_in_bounded_time() -> None:
    with connected("mongodb://127.0.0.1:1/", store_timeout=0.3) as database:
        log = MongoStockChangeLog(database, SetClock())
        with pytest.raises(StoreUnavailable):
            log.append([change()])


def profiled(database: Database, action: Any) -> None:
    database.command("profile", 2)
    try:
        action()
    finally:
        database.command("profile", 0)


def test_a_write_of_the_log_that_is_made_ready_is_written_when_it_is_called(
    database: Database,
) -> None:
    log = MongoStockChangeLog(database)
    write = log.ready([change(0), change(1)])
    assert log.page(StockChangeQuery()) == ([], False)
    assert write().written == 2
    held = log.holds({change(0).place, change(1).place, change(2).place})
    assert held == {change(n).place: change(n).payload for n in range(2)}
    # Delivered again, as after a crash in between.
    assert log.ready([change(1), change(2)])().duplicates == 1
