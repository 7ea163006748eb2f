"""What the orders and the stock-change log record about one item's stock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# The log's times are by the inventory's clock, the orders' by the store's: so far they may differ.
SLACK = timedelta(minutes=5)
# The inventory serves requests side by side: changes this close may be logged in another order.
REORDERED = timedelta(seconds=1)


def shifted(at: datetime, by: timedelta) -> datetime:
    """``at + by``, or ``at`` where the calendar ends: the log's times may be anything."""
    try:
        return at + by
    except OverflowError:
        return at


@dataclass(frozen=True, slots=True)
class Share:
    """The units that one order asked of a move: negative where the order took units."""

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
    """A change of stock that served orders, made between ``begun_at`` and ``stored_at``.

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

    ``told_at``: the inventory's time, where the log received the change before that time; ``at`` is
    then the time at which the log received the change.
    """

    id: str
    previous_stock: int
    new_stock: int
    at: datetime
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnprovenOrder:
    """An order that took or gave back its units, with no record of the move that served it.

    ``brought_back``: the order's events told of the move, after the store was restored."""

    share: Share
    at: datetime
    by_word: bool
    brought_back: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Orders whose units are taken, and go back unless the orders are confirmed."""

    orders: int
    units: int


NONE_HELD: Final = Held(0, 0)


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
    held: Held = NONE_HELD


@dataclass(frozen=True, slots=True)
class Horizon:
    """``since``: older records are not judged. ``recent``: the log may lack changes that are newer.
    ``logged_until``: when the log's newest entry, of any item, was written. ``lease``: how long an
    item's lease lasts."""

    since: datetime | None
    recent: datetime
    logged_until: datetime | None
    lease: timedelta = timedelta(seconds=10)

    def covers(self, at: datetime) -> bool:
        return self.since is None or at >= self.since
