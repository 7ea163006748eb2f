"""What orders and the stock-change log have written down about one item's stock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# The log's times are the inventory's, the orders' are the store's: their clocks may differ by that.
SLACK = timedelta(minutes=5)
# The inventory serves requests side by side, so it may log changes this close in another order.
REORDERED = timedelta(seconds=1)


def shifted(at: datetime, by: timedelta) -> datetime:
    """``at`` itself where the calendar ends: the log's times are whatever somebody wrote."""
    try:
        return at + by
    except OverflowError:
        return at


@dataclass(frozen=True, slots=True)
class Share:
    """What one order asked of a move, in units: negative where the order took them."""

    order_id: str
    change: int


class _Step:
    """A change from one stock to another, in units."""

    __slots__ = ()
    previous_stock: int
    new_stock: int

    @property
    def amount(self) -> int:
        return self.new_stock - self.previous_stock

    @property
    def stocks(self) -> tuple[int, int]:
        return self.previous_stock, self.new_stock


@dataclass(frozen=True, slots=True)
class MoveOfOrders(_Step):
    """A change of stock that served these orders, made between ``begun_at`` and ``stored_at``.

    ``by_word``: a person said that the change was made.
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
class LoggedChange(_Step):
    """An entry of the log; ``at`` by the inventory's clock.

    ``told_at``: what the inventory says instead where that can't be, for the log had heard of the
    change before; ``at`` is then when the log heard of it.
    """

    id: str
    previous_stock: int
    new_stock: int
    at: datetime
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnprovenOrder:
    """An order that took or gave back its units, with no record of the move that served it."""

    share: Share
    at: datetime
    by_word: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """``moves`` in the order of ``begun_at``, ``changes`` in that of ``at``. ``stock_now`` (None:
    the inventory has no such item), ``waiting`` and ``stuck`` (numbers of orders) were read before
    the moves and the changes."""

    moves: Iterable[MoveOfOrders]
    changes: Iterable[LoggedChange]
    unproven: Iterable[UnprovenOrder]
    stock_now: int | None
    waiting: int = 0
    stuck: int = 0


@dataclass(frozen=True, slots=True)
class Horizon:
    """``since``: what is older is not judged. ``recent``: of what is newer, the log may not have
    heard everything. ``logged_until``: when the log's newest entry, of any item, was written.
    ``lease``: how long an item is left to whoever changes its stock."""

    since: datetime | None
    recent: datetime
    logged_until: datetime | None
    lease: timedelta = timedelta(seconds=10)

    def covers(self, at: datetime) -> bool:
        return self.since is None or at >= self.since
