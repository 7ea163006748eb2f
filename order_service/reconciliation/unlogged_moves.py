"""Moves that the log does not have, but whose trace can be seen in it."""

import random
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from order_service.reconciliation.chain import Gap
from order_service.reconciliation.history import SLACK, MoveOfOrders, shifted


class _Trail(NamedTuple):
    """A way by moves, each from where the one before it ended; told from its end."""

    length: int
    move: MoveOfOrders | None
    before: "_Trail | None"

    def steps(self) -> list[MoveOfOrders]:
        """The last one first."""
        found, trail = [], self
        while trail.before is not None and trail.move is not None:
            found.append(trail.move)
            trail = trail.before
        return found


class UnloggedMoves:
    """Where they lead over a gap between logged changes, they were made all the same: the inventory
    could not tell, or the log does not have it yet."""

    def __init__(self, moves: Iterable[MoveOfOrders]) -> None:
        self._moves = {id(move): move for move in sorted(moves, key=lambda move: move.begun_at)}

    @property
    def left(self) -> list[MoveOfOrders]:
        """Oldest first."""
        return list(self._moves.values())

    def bridge(self, gap: Gap) -> list[MoveOfOrders]:
        """Takes those that lead from one side to the other, as many as can; none if none do."""
        since = shifted(gap.after.at, -SLACK)
        until = shifted(gap.before.at, SLACK) if gap.before else None
        near = [m for m in self.left if _is_between(m, since, until)]
        if run := _longest_run(near, gap.left, gap.found):
            return self._take(run)
        trails = _longest_trails(gap.left, [(m.previous_stock, m.new_stock, m) for m in near])
        return self._take(trails[gap.found].steps() if gap.found in trails else [])

    def lead_to(self, stock: int, until: datetime | None = None) -> list[MoveOfOrders]:
        """Takes those by which the stock came to what it was when logging began."""
        near = [m for m in reversed(self.left) if until is None or m.begun_at <= until]
        trails = _longest_trails(stock, [(m.new_stock, m.previous_stock, m) for m in near])
        return self._take(max(trails.values(), key=lambda trail: trail.length).steps())

    def remove(self, move: MoveOfOrders) -> None:
        del self._moves[id(move)]

    def _take(self, moves: list[MoveOfOrders]) -> list[MoveOfOrders]:
        for move in moves:
            self.remove(move)
        return moves


def _is_between(move: MoveOfOrders, first: datetime, last: datetime | None) -> bool:
    return move.stored_at >= first and (last is None or move.begun_at <= last)


def _longest_run(moves: list[MoveOfOrders], left: int, found: int) -> list[MoveOfOrders]:
    """The most moves in succession that lead over the gap in whatever order they were made.

    They do if each stock that one leaves is where another arrives, but for the gap's two sides.
    That is a sum over the moves, so that a run is told by the sums up to its two ends.
    """
    goal = _weight(left) - _weight(found)
    total, longest = 0, range(0)
    first_with = {0: 0}
    for end, move in enumerate(moves, 1):
        total += _weight(move.previous_stock) - _weight(move.new_stock)
        begin = first_with.get(total - goal, end)
        if end - begin > len(longest):
            longest = range(begin, end)
        first_with.setdefault(total, end)
    return [moves[index] for index in longest]


def _weight(stock: int) -> int:
    """So wild that sums of them are the same only if they are sums of the same stocks."""
    return random.Random(stock).getrandbits(128)  # noqa: S311


def _longest_trails(
    start: int, steps: Iterable[tuple[int, int, MoveOfOrders]]
) -> dict[int, _Trail]:
    """The longest way to each stock that the steps, some of them and in this order, lead to."""
    trails = {start: _Trail(0, None, None)}
    for here, there, move in steps:
        if here in trails:
            longer = _Trail(trails[here].length + 1, move, trails[here])
            if there not in trails or longer.length > trails[there].length:
                trails[there] = longer
    return trails
