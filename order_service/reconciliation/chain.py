"""Whether an item's logged changes follow one another: each begins where one before it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from order_service.reconciliation.history import REORDERED, LoggedChange


@dataclass(frozen=True, slots=True)
class Gap:
    """The stock was ``left`` by a change, and ``found`` by the next one (None: by us, now)."""

    after: LoggedChange
    before: LoggedChange | None
    found: int

    @property
    def left(self) -> int:
        return self.after.new_stock


@dataclass(frozen=True, slots=True)
class _Loose:
    """An end of a fragment, or the beginning of one, that nothing is joined to; since when."""

    change: LoggedChange
    at: datetime


class Chain:
    """Feed it the changes in the order of their times, then ``close`` it.

    Where changes so close in time were told out of order, the walk breaks into fragments whose
    ends and beginnings are the same stocks. Only those that remain enclose a gap.
    """

    def __init__(self) -> None:
        self.first: LoggedChange | None = None
        self.last: LoggedChange | None = None
        self._own: LoggedChange | None = None
        self._ends: list[_Loose] = []
        self._begins: list[_Loose] = []

    def add(self, change: LoggedChange) -> None:
        if self.last is None:
            self.first = self._own = change
            self._begins.append(_Loose(change, change.at))
        elif change.previous_stock != self.last.new_stock:
            self._break(self.last, change)
        self.last = change

    def close(self, stock_now: int | None) -> list[Gap]:
        """``stock_now``: what the last change should have left; None if nobody knows."""
        now = None
        if self.last and stock_now is not None and stock_now != self.last.new_stock:
            now = LoggedChange("", stock_now, stock_now, self.last.at)
            self._break(self.last, now)
        self._join_detours()
        # The first of all begins where nothing was before.
        pairs = zip(self._ends, self._begins[1:], strict=True)
        gaps = [(end.change, begin.change) for end, begin in pairs]
        return [Gap(a, None if b is now else b, b.previous_stock) for a, b in gaps]

    def _break(self, end: LoggedChange, begin: LoggedChange) -> None:
        """The walk goes on elsewhere: with a fragment that is known, or with a new one."""
        at = begin.at
        known = _newest(self._begins, at, _begins_at(end.new_stock))
        # A fragment that ends where it began does not continue itself.
        if known is None or known.change is self._own:
            self._ends.append(_Loose(end, at))
        else:
            self._begins.remove(known)
        left = _newest(self._ends, at, _ends_at(begin.previous_stock))
        if left is None:
            self._begins.append(_Loose(begin, at))
            self._own = begin
        else:
            self._ends.remove(left)
            self._own = None

    def _join_detours(self) -> None:
        """Fragments that end where they began belong into the middle of another."""
        for end in list(self._ends):
            begins = [loose for loose in self._begins if loose.change is not self.first]
            begin = _newest(begins, end.at, _begins_at(end.change.new_stock))
            if begin is not None:
                self._ends.remove(end)
                self._begins.remove(begin)


def _begins_at(stock: int) -> Callable[[_Loose], bool]:
    return lambda loose: loose.change.previous_stock == stock


def _ends_at(stock: int) -> Callable[[_Loose], bool]:
    return lambda loose: loose.change.new_stock == stock


def _newest(those: list[_Loose], at: datetime, fits: Callable[[_Loose], bool]) -> _Loose | None:
    for loose in reversed(those):
        if at - loose.at > REORDERED:
            break
        if loose.at - at <= REORDERED and fits(loose):
            return loose
    return None
