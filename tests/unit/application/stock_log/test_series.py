"""An item's stock over a time: what is shown of the log, and which times are asked of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from order_service.application.stock_log.series import (
    MOMENTS,
    MOST_CHANGES,
    LoggedStock,
    Point,
    ReadStockSeries,
    StockSeries,
)
from order_service.domain.errors import InvalidValue
from tests.unit.fakes import ITEM, FakeClock

NOW = FakeClock().now()
DAY = timedelta(days=1)
THE_END = datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)
THE_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


class FakeLog:
    """``changes`` in the order of their ids."""

    def __init__(self, *changes: LoggedStock) -> None:
        self.changes = changes

    def between(
        self, item_id: str, begin: datetime, end: datetime, most: int
    ) -> Sequence[LoggedStock] | None:
        assert item_id == ITEM
        assert begin.microsecond == end.microsecond == 0
        found = [each for each in self.changes if begin <= each.at < end]
        return found if len(found) <= most else None

    def latest_before(
        self, item_id: str, moments: Sequence[datetime]
    ) -> Mapping[datetime, LoggedStock]:
        assert not any(moment.microsecond for moment in moments)
        found = {m: [each for each in self.changes if each.at < m] for m in moments}
        return {moment: each[-1] for moment, each in found.items() if each}


def change(previous: int, new: int, at: datetime, made_at: datetime | None = None) -> LoggedStock:
    return LoggedStock(previous, new, made_at or at - timedelta(seconds=1), at)


def read(
    *changes: LoggedStock, begin: datetime | None = None, end: datetime | None = None
) -> StockSeries:
    return ReadStockSeries(FakeLog(*changes), FakeClock())(ITEM, begin, end)


def shown(series: StockSeries) -> list[tuple[int, bool]]:
    return [(point.stock, point.jump) for point in series.points]


# --- the times


def test_without_times_it_is_the_last_day() -> None:
    series = read()
    assert (series.begin, series.end) == (NOW - DAY, NOW)


def test_the_day_before_the_end_where_no_beginning_is_given() -> None:
    series = read(end=ago(1000))
    assert (series.begin, series.end) == (ago(1000) - DAY, ago(1000))


def test_up_to_now_where_no_end_is_given() -> None:
    series = read(begin=ago(50))
    assert (series.begin, series.end) == (ago(50), NOW)


def test_times_are_stretched_to_whole_seconds() -> None:
    series = read(begin=ago(9.5), end=ago(7.001))
    assert (series.begin, series.end) == (ago(10), ago(7))


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (ago(5), ago(5)),
        (ago(5), ago(6)),
        (NOW, None),
        (NOW + DAY, None),
        (THE_END, THE_BEGINNING),
        (None, THE_BEGINNING),
    ],
)
def test_times_in_the_wrong_order_are_refused(begin: datetime | None, end: datetime | None) -> None:
    with pytest.raises(InvalidValue, match="before `to`"):
        read(begin=begin, end=end)


@pytest.mark.parametrize("begin", [NOW - 401 * DAY, NOW - 400 * DAY - DAY / 1000, THE_BEGINNING])
def test_a_time_of_more_than_400_days_is_refused(begin: datetime) -> None:
    with pytest.raises(InvalidValue, match="400 days"):
        read(begin=begin)


def test_a_time_of_400_days_is_not() -> None:
    assert read(begin=NOW - 400 * DAY).begin == NOW - 400 * DAY


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (THE_END - DAY, THE_END),
        (THE_END - timedelta(milliseconds=1), THE_END),
        (THE_BEGINNING, THE_BEGINNING + timedelta(milliseconds=1)),
        (None, THE_BEGINNING + timedelta(milliseconds=1)),
        (None, THE_END),
    ],
)
def test_times_at_the_ends_of_the_calendar_are_read(
    begin: datetime | None, end: datetime | None
) -> None:
    assert read(begin=begin, end=end).points == []


# --- each change


def test_each_change_has_its_time_and_the_stocks_between_which_it_was() -> None:
    series = read(change(10, 8, ago(50.25)), change(8, 5, ago(20)))
    assert series.exact
    assert series.before is None
    assert series.points == [
        Point(ago(50.25), 8, previous=10),
        Point(ago(20), 5, previous=8),
    ]


def test_the_change_before_is_shown_apart_and_the_first_one_follows_it() -> None:
    series = read(change(10, 8, ago(500)), change(8, 5, ago(20)), begin=ago(100))
    assert series.before == Point(ago(500), 8)
    assert shown(series) == [(5, False)]


def test_a_change_that_does_not_begin_where_the_one_before_ended_is_a_jump() -> None:
    changes = change(10, 8, ago(50)), change(9, 5, ago(40)), change(5, 4, ago(30))
    assert shown(read(*changes)) == [(8, False), (5, True), (4, False)]


def test_the_first_change_is_a_jump_from_the_one_before_the_beginning() -> None:
    series = read(change(10, 8, ago(500)), change(7, 5, ago(20)), begin=ago(100))
    assert shown(series) == [(5, True)]


def test_the_first_change_of_all_is_no_jump() -> None:
    assert shown(read(change(10, 8, ago(20)))) == [(8, False)]


def test_a_change_that_was_published_twice_counts_once_and_is_no_jump() -> None:
    made = ago(60)
    twice = [change(10, 8, ago(50), made), change(10, 8, ago(49), made)]
    assert shown(read(*twice, change(8, 7, ago(40)))) == [(8, False), (7, False)]
    assert shown(read(*twice, change(8, 7, ago(40)), begin=ago(50) + DAY / 86_400)) == [(7, False)]


def test_the_same_change_made_again_later_counts_again() -> None:
    changes = change(10, 8, ago(50)), change(8, 10, ago(40)), change(10, 8, ago(30))
    assert [stock for stock, _ in shown(read(*changes))] == [8, 10, 8]


def test_changes_of_one_second_are_shown_in_the_order_of_their_times() -> None:
    # Two processes logged them, and the ids of the second one are lower.
    later, earlier = change(8, 7, ago(20.2)), change(10, 8, ago(20.7))
    assert shown(read(later, earlier)) == [(8, False), (7, False)]


# --- the stock at moments


def many(number: int, seconds: float = 10_000) -> list[LoggedStock]:
    """Ending a moment before now."""
    return [
        change(n - 1, n, ago(seconds - seconds * n / number + 0.5)) for n in range(1, number + 1)
    ]


@pytest.mark.parametrize(("number", "exact"), [(MOST_CHANGES, True), (MOST_CHANGES + 1, False)])
def test_up_to_500_changes_are_shown_one_by_one(number: int, exact: bool) -> None:
    series = read(*many(number), begin=ago(10_000))
    assert (series.exact, len(series.points)) == (exact, number if exact else MOMENTS)
    assert series.points[-1].stock == number


def test_more_changes_are_shown_by_the_stock_at_even_moments_up_to_the_end() -> None:
    series = read(*many(5000, seconds=1000), begin=ago(480), end=ago(0))
    assert not series.exact
    assert [point.at for point in series.points] == [ago(480 - 2 * n) for n in range(1, 241)]
    assert not any(point.jump for point in series.points)
    changes = many(5000, seconds=1000)
    assert series.before
    assert [point.stock for point in series.points] == [
        [each.new_stock for each in changes if each.at < point.at][-1] for point in series.points
    ]


def test_no_more_than_a_moment_a_second() -> None:
    series = read(*many(6000, seconds=100), begin=ago(10))
    assert [point.at for point in series.points] == [ago(n) for n in range(9, -1, -1)]


def test_moments_before_the_first_change_of_all_are_left_out() -> None:
    series = read(*many(5000, seconds=1000))
    assert series.before is None
    assert 0 < len(series.points) < 5
    assert series.points[-1] == Point(NOW, 5000)


def test_moments_that_are_still_to_come_are_not_shown() -> None:
    series = read(*many(5000, seconds=1000), begin=ago(480), end=NOW + 2 * DAY)
    assert series.end == NOW + 2 * DAY
    assert (series.points[-1].at, len(series.points)) == (NOW, MOMENTS)
