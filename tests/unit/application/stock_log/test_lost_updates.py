"""Stock changes that do not begin where the item's change before ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from order_service.application.stock_log import lost_updates
from order_service.application.stock_log.changes import StockChange
from order_service.application.stock_log.lost_updates import (
    GRACE,
    FindLostUpdates,
    LostUpdate,
    Step,
)
from order_service.domain.errors import StoreUnavailable
from tests.unit.fakes import FakeClock

ITEM = "a" * 24
START = datetime(2026, 1, 1, tzinfo=UTC)


class Log:
    """Entries by item and by the time at which they were logged."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.entries: list[tuple[datetime, str, Step]] = []
        self.is_away = False

    def add(self, change: StockChange) -> None:
        step = Step(change.previous_stock, change.new_stock, change.updated_at)
        self.entries.append((self._clock.now(), change.item_id, step))

    def steps(self, item_id: str, since: datetime, limit: int) -> Sequence[Step]:
        if self.is_away:
            raise StoreUnavailable("The order store can't be reached.")
        found = [step for at, item, step in self.entries if item == item_id and at >= since]
        return found[:limit]


class Worker:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = Log(self.clock)
        self.lost: list[LostUpdate] = []
        self.find = FindLostUpdates(self.log, self.clock, self.lost.append)
        self._offset = 0

    def change(self, previous: int, new: int, item: str = ITEM) -> StockChange:
        """Each a millisecond later than the one before."""
        self._offset += 1
        at = START + timedelta(milliseconds=self._offset)
        kind = "added" if new > previous else "reduced"
        amount = abs(new - previous)
        place = ("stock-updates", 0, self._offset)
        return StockChange(*place, item, previous, new, kind, amount, at, {})

    def hears(self, *changes: StockChange) -> None:
        """And another worker hears of what is in the log besides."""
        for change in changes:
            self.log.add(change)
        self.find.heard(changes)

    def decides(self) -> list[tuple[int, int]]:
        """For each lost update the stock that was expected and the stock that was found."""
        self.clock.sleep(GRACE + 1)
        self.find()
        return [(each.left, each.change.previous_stock) for each in self.lost]


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_changes_that_follow_one_another_lose_nothing(worker: Worker) -> None:
    worker.hears(worker.change(10, 9), worker.change(9, 8, "b" * 24), worker.change(9, 12))
    worker.hears(worker.change(12, 10), worker.change(10, 9))
    assert worker.decides() == []


def test_of_two_changes_that_begin_at_one_stock_the_second_counts_once(worker: Worker) -> None:
    worker.hears(worker.change(11, 10), worker.change(10, 9), worker.change(10, 8))
    worker.hears(worker.change(8, 7))
    assert worker.find() == 0
    assert worker.decides() == [(9, 10)]
    assert worker.decides() == [(9, 10)]


def test_a_change_that_the_log_lacks_counts_however_long_ago_the_change_before_was(
    worker: Worker,
) -> None:
    worker.hears(worker.change(10, 9))
    worker.clock.sleep(3600)
    worker.hears(worker.change(8, 7))
    assert worker.decides() == [(9, 8)]


def test_changes_from_several_partitions_lose_nothing_once_all_of_them_are_logged(
    worker: Worker,
) -> None:
    one, two, three, four = (worker.change(n, n - 1) for n in (10, 9, 8, 7))
    worker.hears(one, three)
    worker.clock.sleep(GRACE / 2)
    worker.hears(two)
    # Another worker has its partition.
    worker.log.add(four)
    worker.hears(worker.change(6, 5))
    assert worker.decides() == []


def test_a_record_that_is_delivered_again_loses_nothing(worker: Worker) -> None:
    batch = [worker.change(n, n - 1) for n in (10, 9, 8)]
    worker.hears(*batch)
    # The log has these entries already.
    worker.find.heard(batch)
    worker.hears(worker.change(7, 6))
    assert worker.decides() == []


def test_an_event_that_was_published_twice_loses_nothing(worker: Worker) -> None:
    change = worker.change(10, 9)
    worker.hears(worker.change(11, 10), change, change._replace(offset=99))
    worker.hears(worker.change(9, 8))
    assert worker.decides() == []


def test_a_partition_that_comes_back_after_an_hour_loses_nothing(worker: Worker) -> None:
    worker.hears(worker.change(10, 9))
    for n in (9, 8, 7):
        worker.log.add(worker.change(n, n - 1))
    worker.clock.sleep(3600)
    worker.hears(worker.change(6, 5))
    assert worker.decides() == []


def test_a_doubt_stays_until_the_log_can_be_read(worker: Worker) -> None:
    worker.hears(worker.change(10, 9), worker.change(10, 8))
    worker.log.is_away = True
    with pytest.raises(StoreUnavailable):
        worker.decides()
    worker.log.is_away = False
    assert worker.decides() == [(9, 10)]


def test_a_topic_that_is_not_keyed_by_item_takes_a_bounded_number_of_looks(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_updates, "_MOST_DOUBTS", 3)
    worker.hears(*(worker.change(10, 9) for _ in range(10)))
    assert worker.decides() == [(9, 10)] * 3
