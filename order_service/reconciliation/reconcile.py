"""Compare the orders with the stock-change log and with the inventory, item by item."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from order_service.application.clock import Clock
from order_service.domain.errors import ItemNotFound
from order_service.domain.stock import StockReading
from order_service.reconciliation.evidence import (
    NONE_HELD,
    SLACK,
    Evidence,
    Held,
    Horizon,
    LoggedChange,
    MoveOfOrders,
    UnprovenOrder,
    shifted,
)
from order_service.reconciliation.report import ItemReport
from order_service.reconciliation.rules import reconcile_item

T = TypeVar("T")
Progress = Callable[[], object]


@dataclass(frozen=True, slots=True)
class OpenOrderCounts:
    waiting: int
    stuck: int
    held: Held = NONE_HELD


class Books(Protocol):
    """The orders and the log, read as streams. ``since`` leaves out older records, roughly."""

    def items(self) -> Iterator[str]:
        """The id of every item that has an order or an entry in the log."""
        ...

    def size(self, item_id: str | None, since: datetime | None) -> int:
        """About how many orders and entries there are to read."""
        ...

    def moves(self, item_id: str, since: datetime | None) -> Iterator[MoveOfOrders]:
        """The moves, in the order of ``begun_at``."""
        ...

    def changes(self, item_id: str, since: datetime | None) -> Iterator[LoggedChange]:
        """The changes, in the order of ``at``, which is never much later than the entry."""
        ...

    def unproven(self, item_id: str, since: datetime | None) -> Iterator[UnprovenOrder]: ...

    def open_orders(self, item_id: str) -> OpenOrderCounts: ...

    def logged_until(self) -> datetime | None:
        """When the log's newest entry, of any item, was written."""
        ...


class StockReader(Protocol):
    def read(self, item_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """``grace``: how long a change may take to reach the log. ``log_kept``: how long the log keeps
    an entry; None for ever. ``lease``: how long an item's lease lasts."""

    grace: timedelta
    log_kept: timedelta | None = None
    lease: timedelta = timedelta(seconds=10)


class Reconcile:
    def __init__(self, books: Books, stock: StockReader, clock: Clock, limits: TimeLimits) -> None:
        self._books = books
        self._stock = stock
        self._clock = clock
        self._limits = limits

    def size(self, item_id: str | None, since: datetime | None) -> int:
        """About how often ``progress`` will be called."""
        return self._books.size(item_id, since)

    def compared_since(self, since: datetime | None) -> datetime | None:
        """``since``, or a later time where the log no longer has entries that old."""
        if self._limits.log_kept is None:
            return since
        kept_from = self._clock.now() - self._limits.log_kept + 2 * SLACK
        return max(since or kept_from, kept_from)

    def __call__(
        self, item_id: str | None, since: datetime | None, progress: Progress
    ) -> Iterator[ItemReport]:
        """A report on the item, or for None on each item that has something to report.

        Raises InventoryUnavailable, StoreUnavailable, and ItemNotFound for an ``item_id`` that the
        inventory, the orders and the log do not know.
        """
        if item_id is not None:
            report = self._reconcile(item_id, self.compared_since(since), progress)
            if report.is_empty and report.stock_now is None:
                raise ItemNotFound(item_id)
            yield report
            return
        for each in self._books.items():
            # The inventory is not asked for items that nothing happened to.
            if since is None or self._books.size(each, since):
                report = self._reconcile(each, self.compared_since(since), progress)
                if not report.is_empty:
                    yield report

    def _reconcile(self, item_id: str, since: datetime | None, progress: Progress) -> ItemReport:
        books, limits = self._books, self._limits
        recent = self._clock.now() - limits.grace
        # The stock is read first: orders that move it from here on are seen, and not judged yet.
        stock_now = self._stock_now(item_id)
        open_orders = books.open_orders(item_id)
        horizon = Horizon(since, recent, books.logged_until(), limits.lease)
        # A change near ``since`` may be older by one clock, and newer by the other.
        begin = shifted(since, -2 * SLACK) if since else None
        evidence = Evidence(
            _counting(books.moves(item_id, begin), progress),
            _counting(books.changes(item_id, begin), progress),
            books.unproven(item_id, since),
            stock_now,
            open_orders.waiting,
            open_orders.stuck,
            open_orders.held,
        )
        return reconcile_item(item_id, evidence, horizon)

    def _stock_now(self, item_id: str) -> int | None:
        try:
            return self._stock.read(item_id).stock
        except ItemNotFound:
            return None


def _counting(records: Iterable[T], progress: Progress) -> Iterator[T]:
    for record in records:
        yield record
        progress()
