"""Where the stock-change log has the changes that served orders, on a real MongoDB."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.application.place import Place
from order_service.domain.errors import StoreUnavailable
from order_service.domain.moves import StockMove
from order_service.infrastructure.mongo import logged_moves
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.entry_ids import EntryIds
from order_service.infrastructure.mongo.logged_moves import MongoLoggedMoves
from order_service.infrastructure.mongo.stock_change_documents import to_document
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.integration.mongo.test_stock_change_log import change
from tests.orders import ITEM, later

OTHER = "b" * 24
A_MINUTE = 60.0


class Log:
    """Written to as the worker does, at any time."""

    def __init__(self, database: Database) -> None:
        self._log = database["stock_changes"]
        self._offset = 0

    def has(
        self,
        previous: int,
        new: int,
        made: float,
        logged: float | None = None,
        item: str = ITEM,
    ) -> Place:
        """``made``: when, by the inventory's clock; ``logged``: when, by the store's; both in
        seconds after the first order was placed."""
        return self.has_all([(previous, new)], later(made), later(logged or made), item)

    def has_all(
        self,
        stocks: Sequence[tuple[int, int]],
        made: datetime,
        logged: datetime,
        item: str = ITEM,
        apart: timedelta = timedelta(0),
    ) -> Place:
        """One after another; the place of the last."""
        ids, documents = EntryIds(), []
        for number, (previous, new) in enumerate(stocks):
            [entry_id], at = ids.take(1, logged + number * apart)
            self._offset += 1
            entry = change(
                self._offset,
                item_id=item,
                previous_stock=previous,
                new_stock=new,
                change_type="added" if new > previous else "reduced",
                change_amount=abs(new - previous),
                updated_at=made + number * apart,
            )
            documents.append(to_document(entry, entry_id, at))
        self._log.insert_many(documents)
        return Place("stock-updates", 0, self._offset)


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database)


def place_of(database: Database, previous: int, new: int, at: float) -> Place | None:
    moved = ITEM, StockMove(previous, new, later(at))
    return MongoLoggedMoves(database).places_of([moved]).get(moved)


# --- which entry it is


def test_the_place_of_a_move_is_that_of_the_entry_with_its_item_and_its_stocks(
    database: Database, log: Log
) -> None:
    log.has(10, 7, made=1, item=OTHER)
    log.has(10, 8, made=1)
    log.has(9, 7, made=1)
    taken, returned = log.has(10, 7, made=1), log.has(7, 10, made=2)
    assert place_of(database, 10, 7, at=1) == taken
    assert place_of(database, 7, 10, at=2) == returned
    assert place_of(database, 10, 6, at=1) is None


def test_of_two_equal_changes_the_one_that_was_made_nearest_to_the_move_counts(
    database: Database, log: Log
) -> None:
    first, _, second = log.has(10, 9, made=1), log.has(9, 10, made=2), log.has(10, 9, made=3.5)
    assert [place_of(database, 10, 9, at) for at in (0.9, 2.2, 2.3, 9)] == [
        first,
        first,
        second,
        second,
    ]


def test_of_a_change_that_was_told_twice_the_first_entry_counts(
    database: Database, log: Log
) -> None:
    first, _ = log.has(10, 9, made=1), log.has(10, 9, made=1, logged=2)
    assert place_of(database, 10, 9, at=1) == first


@pytest.mark.parametrize("skew", [-299, -61, -30, 30, 61, 299])
def test_a_change_is_found_although_the_inventorys_clock_is_minutes_off(
    skew: float, database: Database, log: Log
) -> None:
    place = log.has(10, 9, made=1000.2 + skew, logged=1001)
    assert place_of(database, 10, 9, at=1000) == place


@pytest.mark.parametrize("apart", [-301, 301])
def test_a_change_that_was_made_more_than_5_minutes_before_or_after_the_move_is_another_change(
    apart: float, database: Database, log: Log
) -> None:
    log.has(10, 9, made=1000 + apart)
    assert place_of(database, 10, 9, at=1000) is None


def test_a_change_that_was_logged_an_hour_late_is_found(database: Database, log: Log) -> None:
    for number in range(100):
        log.has(200 - number, 199 - number, made=number, logged=3600)
    place = log.has(100, 99, made=100, logged=3600)
    assert place_of(database, 100, 99, at=100) == place


def test_the_change_of_an_operation_that_was_answered_minutes_later_is_found(
    database: Database, log: Log
) -> None:
    place = log.has(10, 9, made=0)
    assert place_of(database, 10, 9, at=4 * A_MINUTE) == place


def test_a_move_that_changed_nothing_has_no_place_and_the_store_is_not_asked(
    database: Database, log: Log, commands: Commands
) -> None:
    log.has(9, 9, made=1)
    commands.sent.clear()
    assert place_of(database, 9, 9, at=1) is None
    assert commands.sent == []


# --- what finding costs


def examined(database: Database, commands: Commands) -> int:
    """How many entries of the index the commands that were sent have looked at."""
    sum_of = 0
    for sent in commands.named("aggregate"):
        kept = {name: sent[name] for name in ("aggregate", "pipeline", "cursor", "hint")}
        plan: Any = database.command("explain", kept, verbosity="executionStats")
        [cursor] = [each["$cursor"] for each in plan["stages"] if "$cursor" in each]
        sum_of += cursor["executionStats"]["totalKeysExamined"]
        assert "COLLSCAN" not in str(cursor["queryPlanner"]["winningPlan"])
        assert "'SORT'" not in str(cursor["queryPlanner"]["winningPlan"])
    return sum_of


def sold(number: int) -> list[tuple[int, int]]:
    return [(number - sale, number - sale - 1) for sale in range(number)]


@pytest.mark.parametrize("a_second", [2, 100])
def test_a_change_of_an_item_that_was_sold_20000_times_since_is_found_in_its_own_minute(
    a_second: int, database: Database, log: Log, commands: Commands
) -> None:
    place = log.has(30_000, 29_000, made=1)
    log.has_all(sold(20_000), later(1), later(1), apart=timedelta(seconds=1) / a_second)
    commands.sent.clear()
    assert place_of(database, 30_000, 29_000, at=1) == place
    assert examined(database, commands) <= 61 * a_second


def test_a_change_of_an_item_that_was_sold_20000_times_in_the_minutes_before_is_found(
    database: Database, log: Log
) -> None:
    log.has_all(sold(20_000), later(-200), later(-200), apart=timedelta(milliseconds=10))
    place = log.has(30_000, 29_000, made=1)
    assert place_of(database, 30_000, 29_000, at=1) == place


def test_the_search_for_a_change_that_the_log_lacks_is_bounded(
    database: Database, log: Log, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged_moves, "_LOOKED_AT", 100)
    log.has_all(sold(5_000), later(-250), later(-250), apart=timedelta(milliseconds=100))
    commands.sent.clear()
    assert place_of(database, 30_000, 29_000, at=1) is None
    assert examined(database, commands) <= 3 * 101


def test_each_move_of_an_order_is_looked_for_once(
    database: Database, log: Log, commands: Commands
) -> None:
    items = [f"{number:024x}" for number in range(100)]
    places = [log.has(10, 9, made=1, item=item) for item in items]
    moves = [(item, StockMove(10, 9, later(1))) for item in items]
    commands.sent.clear()
    found = MongoLoggedMoves(database).places_of([*moves, *moves])
    assert found == dict(zip(moves, places, strict=True))
    assert len(commands.sent) == 100


def test_a_search_that_takes_too_long_answers_what_it_has_found(
    database: Database, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.has(10, 9, made=1)
    monkeypatch.setattr(logged_moves, "_PATIENCE", 0.0)
    assert place_of(database, 10, 9, at=1) is None


# --- the store


def test_the_log_of_a_database_that_was_not_migrated_says_what_to_do(mongo: Mongod) -> None:
    with connected(mongo.uri) as database:
        Log(database).has(10, 9, made=1)
        with pytest.raises(StoreUnavailable, match="order-service migrate"):
            place_of(database, 10, 9, at=1)


def test_a_store_that_is_away_is_told_as_unavailable() -> None:
    with (
        connected("mongodb://127.0.0.1:1", store_timeout=0.2) as database,
        pytest.raises(StoreUnavailable),
    ):
        place_of(database, 10, 9, at=1)
