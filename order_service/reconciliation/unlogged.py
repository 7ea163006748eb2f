"""Find moves that the log does not have, but whose trace the log shows.

Moves that lead over a gap between logged changes were made all the same: the inventory could not
publish their changes, or the log does not have them yet.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from order_service.reconciliation.chain import Gap
from order_service.reconciliation.evidence import SLACK, MoveOfOrders, shifted


def moves_over(gap: Gap, moves: list[MoveOfOrders]) -> list[MoveOfOrders]:
    """Moves, out of ``moves`` (oldest first), that lead from one side of the gap to the other."""
    since = shifted(gap.after.at, -SLACK)
    until = shifted(gap.before.at, SLACK) if gap.before else None
    near = [m for m in moves if m.stored_at >= since and (until is None or m.begun_at <= until)]
    return _way_over(near, gap.left, gap.found)


def moves_up_to(
    stock: int, moves: list[MoveOfOrders], until: datetime | None = None
) -> list[MoveOfOrders]:
    """As many moves, out of ``moves`` (oldest first), as lead to the stock, from any stock."""
    early = [move for move in moves if until is None or move.begun_at <= until]
    ways = _longest_ways(stock, ((m.new_stock, m.previous_stock, m) for m in reversed(early)))
    return list(max(ways.values(), key=lambda way: way.length).moves())


class _Way(NamedTuple):
    """Moves, each from where the previous move ended; built from the last move back."""

    length: int = 0
    move: MoveOfOrders | None = None
    before: "_Way | None" = None

    def moves(self) -> Iterator[MoveOfOrders]:
        way = self
        while way.before is not None and way.move is not None:
            yield way.move
            way = way.before


def _longest_ways(start: int, steps: Iterable[tuple[int, int, MoveOfOrders]]) -> dict[int, _Way]:
    """The longest way to each stock that steps lead to, taken in this order."""
    ways = {start: _Way()}
    for here, there, move in steps:
        if here in ways:
            longer = _Way(ways[here].length + 1, move, ways[here])
            if there not in ways or longer.length > ways[there].length:
                ways[there] = longer
    return ways


def _way_over(moves: list[MoveOfOrders], left: int, found: int) -> list[MoveOfOrders]:
    """Moves that lead from ``left`` to ``found`` in any order, because orders that are served side
    by side note their times out of order.

    Walk from stock to stock as long as a move leads on, then go back move by move. Once going back
    reaches the goal, the moves behind the goal are the way; a round trip from there is a detour of
    the way. All other moves gone back over lead nowhere.
    """
    leaving = defaultdict[int, list[MoveOfOrders]](list)
    for move in moves:
        leaving[move.previous_stock].append(move)
    walked, way = list[MoveOfOrders](), list[MoveOfOrders]()
    stock, goal = left, found
    while leaving[stock] or walked:
        if leaving[stock]:
            walked.append(leaving[stock].pop())
            stock = walked[-1].new_stock
            continue
        move = walked.pop()
        if stock == goal:
            way.append(move)
            goal = move.previous_stock
        stock = move.previous_stock
    return way
