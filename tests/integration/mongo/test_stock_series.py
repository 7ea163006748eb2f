"""An item's stock over a time, on a real MongoDB: right, and without reading what it skips."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.application.stock_log.changes import StockChange
from order_service.application.stock_log.series import MOMENTS, MOST_CHANGES, ReadStockSeries
from order_service.domain.errors import StoreUnavailable
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.entry_ids import EntryIds
from order_service.infrastructure.mongo.failures import NOT_MIGRATED
from order_service.infrastructure.mongo.stock_change_documents import to_document
from order_service.infrastructure.mongo.stock_series import MongoStockSeries
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected

BUSY, RARE, NOBODY = "a" * 24, "b" * 24, "c" * 24
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NUMBER = 20_400
# Of the busy item's changes; every fiftieth is followed by one of the rare item.
STEP = timedelta(seconds=3)
END = START + NUMBER * STEP


class ClockAtTheEnd:
    def now(self) -> datetime:
        return END

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Nobody sleeps."""


def change(offset: int, item_id: str, previous: int, new: int, at: datetime) -> StockChange:
    kind = "added" if new > previous else "reduced"
    place = ("stock-updates", 0, offset)
    return StockChange(*place, item_id, previous, new, kind, abs(new - previous), at, {"x": "y"})


def stock_after(number: int) -> int:
    """Up and down; each third change adds."""
    return 1000 + (number % 3 == 2) - number // 3 % 7


class Store:
    def __init__(self, database: Database, commands: Commands) -> None:
        self.database = database
        self.commands = commands
        self.series = MongoStockSeries(database)

    def read(self, item_id: str, begin: datetime, end: datetime) -> Any:
        return ReadStockSeries(self.series, ClockAtTheEnd())(item_id, begin, end)

    def plans(self, name: str) -> list[dict[str, Any]]:
        """How the server carries out the very commands of the name that were sent."""
        kept = (
            *("find", "filter", "projection", "sort", "limit", "hint"),
            *("aggregate", "pipeline", "cursor"),
        )
        sent = [{k: v for k, v in each.items() if k in kept} for each in self.commands.named(name)]
        explain = self.database.command
        return [explain("explain", each, verbosity="executionStats") for each in sent]


@pytest.fixture(scope="module")
def store(mongo: Mongod) -> Iterator[Store]:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        fill(database)
        yield Store(database, commands)


@pytest.fixture(autouse=True)
def _what_a_test_sends(store: Store) -> None:
    store.commands.sent.clear()


def fill(database: Database) -> None:
    """As the worker would, but in one write."""
    documents: list[dict[str, Any]] = []
    ids, rare = EntryIds(), 500

    def log(at: datetime, item_id: str, previous: int, new: int) -> None:
        [entry_id], _ = ids.take(1, at)
        logged = change(len(documents), item_id, previous, new, at)
        documents.append(to_document(logged, entry_id, at))

    for number in range(NUMBER):
        at = START + number * STEP
        log(at, BUSY, stock_after(number - 1), stock_after(number))
        if number % 50 == 0:
            log(at + timedelta(milliseconds=250), RARE, rare, rare - 1)
            rare -= 1
    database["stock_changes"].insert_many(documents)


def all_in(plan: Any, name: str) -> list[Any]:
    """The values of that name, wherever they are in the plan."""
    if isinstance(plan, list):
        return [found for each in plan for found in all_in(each, name)]
    if not isinstance(plan, dict):
        return []
    here = [plan[name]] if name in plan else []
    return here + [found for each in plan.values() for found in all_in(each, name)]


def seeks(plan: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """What each part of a union did."""
    return all_in(plan, "executionStats")


# --- what it finds


def test_few_changes_come_each_with_its_time_and_the_stock_before_them(store: Store) -> None:
    begin = START + 100 * STEP
    series = store.read(BUSY, begin, begin + 10 * STEP)
    assert series.exact
    assert [(p.at, p.stock) for p in series.points] == [
        (START + n * STEP, stock_after(n)) for n in range(100, 110)
    ]
    assert (series.before.at, series.before.stock) == (START + 99 * STEP, stock_after(99))
    assert not any(point.jump for point in series.points)


def test_many_changes_come_as_the_stock_at_moments(store: Store) -> None:
    series = store.read(BUSY, START, END)
    assert not series.exact
    assert len(series.points) == MOMENTS
    for point in series.points:
        latest = (point.at - START - timedelta(milliseconds=1)) // STEP
        assert point.stock == stock_after(latest)


def test_the_last_500_changes_are_shown_one_by_one_and_one_more_is_not(store: Store) -> None:
    assert len(store.read(BUSY, END - MOST_CHANGES * STEP, END).points) == MOST_CHANGES
    assert not store.read(BUSY, END - (MOST_CHANGES + 1) * STEP, END).exact


def test_the_stock_at_moments_is_that_of_this_item_alone(store: Store) -> None:
    series = store.read(RARE, START, END)
    assert series.exact
    assert [point.stock for point in series.points] == list(range(499, 499 - NUMBER // 50, -1))
    moments = [START + n * timedelta(seconds=171) for n in range(1, 50)]
    latest = store.series.latest_before(RARE, moments)
    for moment in moments:
        number = (moment - START - timedelta(milliseconds=251)) // (50 * STEP)
        assert latest[moment].new_stock == 499 - number


def test_a_moment_before_the_first_change_has_none(store: Store) -> None:
    later = START + timedelta(seconds=1)
    assert list(store.series.latest_before(BUSY, [START, later])) == [later]
    before = START - timedelta(days=300)
    assert store.read(BUSY, before, START).points == []


def test_an_item_that_the_log_never_heard_of_has_nothing(store: Store) -> None:
    series = store.read(NOBODY, START, END)
    assert (series.exact, series.before, series.points) == (True, None, [])
    assert store.series.latest_before(NOBODY, []) == {}


@pytest.mark.parametrize("year", [1, 1969, 2107, 9998])
def test_times_that_no_id_knows_are_read(year: int, store: Store) -> None:
    begin = datetime(year, 1, 1, tzinfo=UTC)
    series = store.read(BUSY, begin, begin + timedelta(days=1))
    assert series.points == []
    assert (series.before is not None) is (year > 2026)


# --- what it costs


@pytest.mark.parametrize("item_id", [BUSY, RARE, NOBODY])
def test_each_moment_costs_two_keys_of_the_index_and_no_entry(item_id: str, store: Store) -> None:
    moments = [START + n * (END - START) / MOMENTS for n in range(1, MOMENTS + 1)]
    # Twice: the second time the server has a plan for such a question already.
    for _ in range(2):
        store.series.latest_before(item_id, [each.replace(microsecond=0) for each in moments])
    for plan in store.plans("aggregate"):
        assert len(seeks(plan)) == 2 * MOMENTS
        assert max(each["totalKeysExamined"] for each in seeks(plan)) <= 1
        assert max(each["totalDocsExamined"] for each in seeks(plan)) == 0
        chosen = all_in(plan, "winningPlan")
        assert len(chosen) == 2 * MOMENTS
        assert {name for each in chosen for name in all_in(each, "indexName")} == {"of_an_item"}
        assert "SORT" not in {name for each in chosen for name in all_in(each, "stage")}


def test_all_that_is_read_of_twenty_thousand_changes_is_what_is_shown(store: Store) -> None:
    series = store.read(BUSY, START, END)
    stats = [
        stats
        for name in ("find", "aggregate")
        for plan in store.plans(name)
        for stats in seeks(plan)
    ]
    entries = sum(each["totalDocsExamined"] for each in stats)
    keys = sum(each["totalKeysExamined"] for each in stats)
    # Of each moment the entries of both types are read: which one is later, the ids tell.
    assert entries <= 2 * len(series.points) + 2
    assert keys < NUMBER / 10


def test_the_ids_of_a_few_changes_are_found_without_reading_any_other(store: Store) -> None:
    begin = START + 100 * STEP
    store.series.between(BUSY, begin, begin + 10 * STEP, MOST_CHANGES)
    of_ids, of_entries = (seeks(plan)[0] for plan in store.plans("find"))
    assert of_ids["totalKeysExamined"] <= 12
    assert of_ids["totalDocsExamined"] == 0
    assert of_entries["totalDocsExamined"] == 10


def test_the_log_is_read_once_for_the_moments_and_once_for_the_entries(store: Store) -> None:
    store.read(BUSY, START + STEP, END)
    sent = [next(iter(command)) for command in store.commands.sent]
    assert [name for name in sent if name != "getMore"] == [
        *("aggregate", "find"),
        "find",
        *("aggregate", "find"),
    ]


# --- a store that is not as it should be


def test_without_the_index_it_is_said_that_the_database_is_not_migrated(mongo: Mongod) -> None:
    with connected(mongo.uri) as database:
        series = MongoStockSeries(database)
        database["stock_changes"].insert_one({"itemId": BUSY})
        with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
            series.latest_before(BUSY, [START])
        with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
            series.between(BUSY, START, END, 500)


def test_an_entry_that_expires_meanwhile_is_left_out(store: Store) -> None:
    ids = store.series._latest_ids(BUSY, [END])
    assert len(ids) == 2
    assert store.series._entries([*ids, ids[0].__class__("0" * 24)]).keys() == set(ids)
