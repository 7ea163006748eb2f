"""Whether an item's logged changes follow one another: each begins where one before it ended."""

from datetime import datetime
from typing import NamedTuple

from order_service.reconciliation.evidence import REORDERED, LoggedChange


class Gap(NamedTuple):
    """The change ``after`` left the stock at ``left``; the change ``before`` (None: the reading of
    the stock now) found it at ``found``."""

    after: LoggedChange
    before: LoggedChange | None
    found: int

    @property
    def left(self) -> int:
        return self.after.new_stock


class _Loose(NamedTuple):
    """One end of a run of changes: the stock and the change there. ``at``: when the run was broken
    off, or begun."""

    stock: int
    at: datetime
    change: LoggedChange


class Chain:
    """Add the changes in the order of their times, then ``close``.

    Changes close in time that were logged in another order than they were made break into runs,
    but every stock at which one run ends is a stock at which another run begins. Such an end and
    such a beginning are dropped together; the ends and the beginnings that are left enclose gaps.
    """

    def __init__(self) -> None:
        self.first: LoggedChange | None = None
        self.last: LoggedChange | None = None
        self._is_one_run = True
        self._ends: list[_Loose] = []
        self._begins: list[_Loose] = []

    def add(self, change: LoggedChange) -> None:
        if self.last is None:
            self.first = change
            self._begins.append(_Loose(change.previous_stock, change.at, change))
        elif change.previous_stock != self.last.new_stock:
            self._break(self.last, change)
        self.last = change

    def close(self, stock_now: int | None) -> list[Gap]:
        """``stock_now``: the stock that the last change should have left; None if unknown."""
        now = None
        if self.last and stock_now is not None and stock_now != self.last.new_stock:
            now = LoggedChange("", stock_now, stock_now, self.last.at)
            self._break(self.last, now)
        # No change comes before the first beginning, so the first beginning is no side of a gap.
        pairs = zip(self._ends, self._begins[1:], strict=True)
        gaps = [(end.change, begin.change) for end, begin in pairs]
        return [Gap(a, None if b is now else b, b.previous_stock) for a, b in gaps]

    def _break(self, last: LoggedChange, change: LoggedChange) -> None:
        end = _Loose(last.new_stock, change.at, last)
        begin = _Loose(change.previous_stock, change.at, change)
        # A first run that ends where it began does not continue itself.
        if self._is_one_run or not _drop(self._begins, end):
            self._ends.append(end)
        if not _drop(self._ends, begin):
            self._begins.append(begin)
        self._is_one_run = False


def _drop(others: list[_Loose], loose: _Loose) -> bool:
    """Drop the latest of the others at the same stock, if it is no older than REORDERED. Returns
    whether there was one."""
    for other in reversed(others):
        if loose.at - other.at > REORDERED:
            break
        if other.stock == loose.stock:
            others.remove(other)
            return True
    return False
