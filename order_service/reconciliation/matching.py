"""Match each move with its change in the log.

Moves and changes come in the order of time. A pair that matches is forgotten, so that memory grows
only with the records within SLACK, and with the records that find no match.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import chain, count, takewhile
from typing import Generic, TypeVar

from order_service.reconciliation.evidence import SLACK, LoggedChange, MoveOfOrders, shifted

T = TypeVar("T", MoveOfOrders, LoggedChange)
Stocks = tuple[int, int]


class _Unmatched(Generic[T]):
    """Moves, or changes, that wait for their counterpart: one with the same two stocks."""

    def __init__(self) -> None:
        self._by_stocks: dict[Stocks, dict[int, T]] = {}
        self._deadlines: list[tuple[datetime, int, Stocks]] = []
        self._numbers = count()

    def add(self, record: T, until: datetime) -> None:
        number = next(self._numbers)
        self._by_stocks.setdefault(record.stocks, {})[number] = record
        heappush(self._deadlines, (until, number, record.stocks))

    def take(self, stocks: Stocks) -> T | None:
        """The record of these two stocks that has waited longest."""
        alike = self._by_stocks.get(stocks)
        return self._remove(next(iter(alike)), stocks) if alike else None

    def take_overdue(self, now: datetime | None) -> Iterator[T]:
        """The records whose time to wait ended before ``now``; all records for None."""
        while self._deadlines and (now is None or self._deadlines[0][0] < now):
            _, number, stocks = heappop(self._deadlines)
            if record := self._remove(number, stocks):
                yield record

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(alike.values() for alike in self._by_stocks.values())

    def _remove(self, number: int, stocks: Stocks) -> T | None:
        alike = self._by_stocks.get(stocks, {})
        record = alike.pop(number, None)
        if not alike:
            self._by_stocks.pop(stocks, None)
        return record


class Matching:
    """Add moves and changes in the order of their times, then ``close``.

    ``unlogged``: moves that are no change in the log, in the order in which they were given up.
    ``overwritten_again``: changes that are no move, but wrote the stock once more that a move
    longer than the ``lease`` had written. Another holder of the lease finished this move, so the
    first holder's request may have arrived late; nothing else shows such a request.
    ``by_others`` is called with every other change that is no move.
    """

    def __init__(self, lease: timedelta, by_others: Callable[[LoggedChange], None]) -> None:
        self.unlogged: list[MoveOfOrders] = []
        self.overwritten_again: list[tuple[MoveOfOrders, LoggedChange]] = []
        self._lease = lease
        self._by_others = by_others
        self._moves = _Unmatched[MoveOfOrders]()
        self._changes = _Unmatched[LoggedChange]()
        self._taken_over: deque[tuple[MoveOfOrders, LoggedChange]] = deque()
        self._candidates: list[LoggedChange] = []

    def add_move(self, move: MoveOfOrders) -> None:
        self._give_up(move.begun_at)
        # An overwrite that takes as much as it gives back is never sent.
        if not move.amount:
            return
        if change := self._changes.take(move.stocks):
            self._match(move, change)
        else:
            self._moves.add(move, move.stored_at + SLACK)

    def add_change(self, change: LoggedChange) -> None:
        self._give_up(change.at)
        if not change.amount:
            return
        if move := self._moves.take(change.stocks):
            self._match(move, change)
        else:
            self._changes.add(change, shifted(change.at, SLACK))

    def close(self) -> None:
        self._give_up(None)

    def take_overwrites(
        self, unlogged: Iterable[MoveOfOrders]
    ) -> list[tuple[MoveOfOrders, LoggedChange]]:
        """The moves that overwrote another stock than their orders read, each with its logged
        change. Call it once: the changes that are left are counted as changes by others."""
        overwrites = []
        for move in unlogged:
            if fitting := [each for each in self._candidates if _wrote_the_same(move, each)]:
                nearest = min(fitting, key=lambda each: abs(each.at - move.stored_at))
                self._candidates.remove(nearest)
                overwrites.append((move, nearest))
        for change in self._candidates:
            self._by_others(change)
        return overwrites

    def _match(self, move: MoveOfOrders, change: LoggedChange) -> None:
        if move.stored_at - move.begun_at >= self._lease:
            self._taken_over.append((move, change))

    def _give_up(self, now: datetime | None) -> None:
        self.unlogged.extend(self._moves.take_overdue(now))
        for change in self._changes.take_overdue(now):
            if move := self._written_before(change):
                self.overwritten_again.append((move, change))
            elif self._may_be_unlogged_move(change):
                self._candidates.append(change)
            else:
                self._by_others(change)
        while now and self._taken_over and self._taken_over[0][0].stored_at + 2 * SLACK < now:
            self._taken_over.popleft()

    def _written_before(self, change: LoggedChange) -> MoveOfOrders | None:
        for move, made in reversed(self._taken_over):
            in_time = made.at < change.at <= move.stored_at + SLACK
            if in_time and change.new_stock == move.new_stock:
                return move
        return None

    def _may_be_unlogged_move(self, change: LoggedChange) -> bool:
        newly_given_up = takewhile(
            lambda move: move.stored_at + SLACK >= change.at, reversed(self.unlogged)
        )
        return any(_wrote_the_same(move, change) for move in chain(self._moves, newly_given_up))


def _wrote_the_same(move: MoveOfOrders, change: LoggedChange) -> bool:
    in_time = move.begun_at - SLACK <= change.at <= move.stored_at + SLACK
    return in_time and change.new_stock == move.new_stock
