"""Read an item's stock over a time, as the log tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

from order_service.application.clock import Clock
from order_service.domain.errors import InvalidValue

# More changes than a picture can show.
MOST_CHANGES: Final = 500
MOMENTS: Final = 240
_LONGEST: Final = timedelta(days=400)
_USUAL: Final = timedelta(days=1)
_A_SECOND: Final = timedelta(seconds=1)
_SECOND_DAY: Final = datetime.min.replace(tzinfo=UTC) + _USUAL
_LAST_SECOND: Final = datetime.max.replace(tzinfo=UTC, microsecond=0)


class LoggedStock(NamedTuple):
    """A change in the log. ``made_at`` by the inventory's clock, ``at`` when it was logged."""

    previous_stock: int
    new_stock: int
    made_at: datetime
    at: datetime


class LoggedStocks(Protocol):
    """Times are whole seconds. Each method raises StoreUnavailable."""

    def between(
        self, item_id: str, begin: datetime, end: datetime, most: int
    ) -> Sequence[LoggedStock] | None:
        """The item's changes that were logged from ``begin`` on and before ``end``; None if there
        are more than ``most``."""
        ...

    def latest_before(
        self, item_id: str, moments: Sequence[datetime]
    ) -> Mapping[datetime, LoggedStock]:
        """The item's latest change that was logged before each of the moments, where there is one.
        It costs the same for an item with a million changes as for one with a few."""
        ...


class Point(NamedTuple):
    """``jump``: the change did not begin where the one before it ended. ``previous``: where it
    began; None for a point that is no change of its own."""

    at: datetime
    stock: int
    jump: bool = False
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class StockSeries:
    """``exact``: each change from ``begin`` on and before ``end`` has a point, at the time it was
    logged. Otherwise the points are the stock at moments. ``before``: the change that was logged
    before ``begin``; None where the log has none."""

    item_id: str
    begin: datetime
    end: datetime
    exact: bool
    before: Point | None
    points: Sequence[Point]


class ReadStockSeries:
    def __init__(self, log: LoggedStocks, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def __call__(
        self, item_id: str, begin: datetime | None = None, end: datetime | None = None
    ) -> StockSeries:
        """``end``: now, where it is None; ``begin``: a day before ``end``. Both are stretched to
        whole seconds, which the log finds without reading what it skips.

        Raises InvalidValue for times in the wrong order or too far apart, and StoreUnavailable.
        """
        now = self._clock.now()
        begin, end = _range(begin, end, now)
        before = self._log.latest_before(item_id, [begin]).get(begin)
        changes = self._log.between(item_id, begin, end, MOST_CHANGES)
        if changes is None:
            points = self._at_moments(item_id, begin, min(end, _up(now)))
        else:
            points = _each_change(before, changes)
        first = Point(before.at, before.new_stock) if before else None
        return StockSeries(item_id, begin, end, changes is not None, first, points)

    def _at_moments(self, item_id: str, begin: datetime, end: datetime) -> list[Point]:
        moments = _moments(begin, end)
        latest = self._log.latest_before(item_id, moments)
        return [Point(at, latest[at].new_stock) for at in moments if at in latest]


def _range(
    begin: datetime | None, end: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    end = end or now
    begin = begin or max(end, _SECOND_DAY) - _USUAL
    if begin >= end:
        raise InvalidValue("from", "must be before `to`, which is now where it is left out")
    if end - begin > _LONGEST:
        raise InvalidValue("from", f"must be {_LONGEST.days} days before `to` at most")
    return begin.replace(microsecond=0), _up(end)


def _up(at: datetime) -> datetime:
    """To a whole second."""
    at = min(at, _LAST_SECOND)
    down = at.replace(microsecond=0)
    return down if down == at else down + _A_SECOND


def _moments(begin: datetime, end: datetime) -> list[datetime]:
    """Evenly spaced behind ``begin``, the last one at ``end``: no more than one a second."""
    seconds = (end - begin) // _A_SECOND
    number = min(MOMENTS, seconds)
    return [begin + timedelta(seconds=seconds * n // number) for n in range(1, number + 1)]


def _each_change(before: LoggedStock | None, changes: Sequence[LoggedStock]) -> list[Point]:
    """In the order of the times: ids of several processes have none within a second. A change that
    was published twice, and so was logged twice, counts once."""
    points: list[Point] = []
    left = before.new_stock if before else None
    seen = {before[:3]} if before else set()
    for change in sorted(changes, key=attrgetter("at")):
        if change[:3] not in seen:
            jump = left is not None and left != change.previous_stock
            points.append(Point(change.at, change.new_stock, jump, change.previous_stock))
            seen.add(change[:3])
            left = change.new_stock
    return points
