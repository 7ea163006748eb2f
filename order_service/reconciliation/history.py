"""The two tellings of an item's stock: the moves that orders say served them, and the changes in
the stock-change log. Here they are matched with each other, and the log with itself.

Both are read in the order of time. What is matched is forgotten, so memory grows only with what
happens within SLACK, and with what does not match.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import chain, count, takewhile
from typing import Generic, TypeVar

# The log's times are the inventory's, the orders' are the store's: their clocks may differ by that.
SLACK = timedelta(minutes=5)
# The inventory serves requests side by side, so it may tell of changes so close out of order.
REORDERED = timedelta(seconds=1)
_LATEST = 20


def shifted(at: datetime, by: timedelta) -> datetime:
    """``at`` itself where the calendar ends: the log's times are whatever somebody wrote."""
    try:
        return at + by
    except OverflowError:
        return at


@dataclass(frozen=True, slots=True)
class Share:
    """What an order asked of a move: a negative change took, a positive one gave back."""

    order_id: str
    change: int


@dataclass(frozen=True, slots=True)
class MoveOfOrders:
    """A change of stock as the orders know it that it served, made between the two times.

    ``by_word``: a person said that it was made.
    """

    shares: tuple[Share, ...]
    previous_stock: int
    new_stock: int
    begun_at: datetime
    stored_at: datetime
    by_word: bool = False

    @property
    def order_ids(self) -> tuple[str, ...]:
        return tuple(share.order_id for share in self.shares)

    @property
    def asked(self) -> int:
        return sum(share.change for share in self.shares)


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """An entry of the log; ``at`` by the inventory's clock.

    ``told_at``: what the inventory says instead where that can't be, for the log had heard of the
    change before; ``at`` is then when it heard.
    """

    id: str
    previous_stock: int
    new_stock: int
    at: datetime
    told_at: datetime | None = None

    @property
    def amount(self) -> int:
        return self.new_stock - self.previous_stock


T = TypeVar("T", MoveOfOrders, LoggedChange)


class _Waiting(Generic[T]):
    """What has not met its counterpart yet, by its two stocks; first come, first served."""

    def __init__(self) -> None:
        self._left: dict[int, T] = {}
        self._by_stocks: dict[tuple[int, int], deque[int]] = {}
        self._until: list[tuple[datetime, int]] = []
        self._numbers = count()

    def put(self, thing: T, until: datetime) -> None:
        number = next(self._numbers)
        self._left[number] = thing
        self._by_stocks.setdefault(_stocks(thing), deque()).append(number)
        heappush(self._until, (until, number))

    def take(self, stocks: tuple[int, int]) -> T | None:
        queue = self._by_stocks.get(stocks)
        return self._remove(queue[0]) if queue else None

    def __iter__(self) -> Iterator[T]:
        return iter(self._left.values())

    def over(self, now: datetime | None) -> Iterator[T]:
        """Those that waited until ``now`` in vain; all of them for None."""
        while self._until and (now is None or self._until[0][0] < now):
            _, number = heappop(self._until)
            if number in self._left:
                yield self._remove(number)

    def _remove(self, number: int) -> T:
        thing = self._left.pop(number)
        queue = self._by_stocks[_stocks(thing)]
        queue.remove(number)
        if not queue:
            del self._by_stocks[_stocks(thing)]
        return thing


def time_of(thing: MoveOfOrders | LoggedChange) -> datetime:
    return thing.begun_at if isinstance(thing, MoveOfOrders) else thing.at


def _stocks(thing: MoveOfOrders | LoggedChange) -> tuple[int, int]:
    return thing.previous_stock, thing.new_stock


@dataclass(slots=True)
class OtherWriters:
    """The changes that no order knows of, from ``since`` on; the ``latest`` of them by name."""

    since: datetime | None = None
    number: int = 0
    amount: int = 0
    latest: deque[LoggedChange] = field(default_factory=lambda: deque(maxlen=_LATEST))

    def add(self, change: LoggedChange) -> None:
        if self.since is not None and change.at < self.since:
            return
        self.number += 1
        self.amount += change.amount
        self.latest.append(change)


class Matching:
    """Which change in the log each move is.

    ``unlogged``: moves that are none. ``strays``: changes that are no move, but wrote what an
    unlogged move at that time meant to write. ``repeats``: changes that are no move, but wrote once
    more what a move had written that another holder of the lease finished; ``lease`` is how long
    the first one had. The first one's request may have arrived late, and there is no other way to
    see that. ``others``: changes by nobody of ours.
    """

    def __init__(self, since: datetime | None = None, lease: timedelta = SLACK) -> None:
        self._lease = lease
        self._resumed: deque[tuple[MoveOfOrders, LoggedChange]] = deque()
        self.repeats: list[tuple[MoveOfOrders, LoggedChange]] = []
        self._moves = _Waiting[MoveOfOrders]()
        self._changes = _Waiting[LoggedChange]()
        self.unlogged: list[MoveOfOrders] = []
        self.strays: list[LoggedChange] = []
        self.others = OtherWriters(since)

    def add_move(self, move: MoveOfOrders) -> None:
        self._give_up(move.begun_at)
        # An overwrite by which as much was taken as given back is never sent.
        if move.previous_stock == move.new_stock:
            return
        if change := self._changes.take(_stocks(move)):
            self._match(move, change)
        else:
            self._moves.put(move, move.stored_at + SLACK)

    def add_change(self, change: LoggedChange) -> None:
        self._give_up(change.at)
        if not change.amount:
            return
        if move := self._moves.take(_stocks(change)):
            self._match(move, change)
        else:
            self._changes.put(change, shifted(change.at, SLACK))

    def close(self) -> None:
        self._give_up(None)

    def take_overwrite(self, move: MoveOfOrders) -> LoggedChange | None:
        """The stray that is this move, made over another stock than it was reckoned from."""
        fitting = [change for change in self.strays if _wrote_the_same(move, change)]
        if not fitting:
            return None
        nearest = min(fitting, key=lambda change: abs(change.at - move.stored_at))
        self.strays.remove(nearest)
        return nearest

    def _match(self, move: MoveOfOrders, change: LoggedChange) -> None:
        if move.stored_at - move.begun_at >= self._lease:
            self._resumed.append((move, change))

    def _give_up(self, now: datetime | None) -> None:
        self.unlogged.extend(self._moves.over(now))
        for change in self._changes.over(now):
            if move := self._repeated_by(change):
                self.repeats.append((move, change))
            elif self._may_be_ours(change):
                self.strays.append(change)
            else:
                self.others.add(change)
        while now and self._resumed and self._resumed[0][0].stored_at + 2 * SLACK < now:
            self._resumed.popleft()

    def _repeated_by(self, change: LoggedChange) -> MoveOfOrders | None:
        for move, made in reversed(self._resumed):
            in_time = made.at < change.at <= move.stored_at + SLACK
            if in_time and change.new_stock == move.new_stock:
                return move
        return None

    def _may_be_ours(self, change: LoggedChange) -> bool:
        newly_given_up = takewhile(
            lambda move: move.stored_at + SLACK >= change.at, reversed(self.unlogged)
        )
        return any(_wrote_the_same(move, change) for move in chain(self._moves, newly_given_up))


def _wrote_the_same(move: MoveOfOrders, change: LoggedChange) -> bool:
    in_time = move.begun_at - SLACK <= change.at <= move.stored_at + SLACK
    return in_time and change.new_stock == move.new_stock
