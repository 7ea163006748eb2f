"""Compare the orders with the stock-change log and with the inventory, item by item."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from order_service.application.clock import Clock
from order_service.domain.errors import ItemNotFound
from order_service.domain.stock import StockReading
from order_service.reconciliation.evidence import (
    SLACK,
    Evidence,
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


class Books(Protocol):
    """The orders and the log, read as streams. ``since`` leaves out older records, roughly."""

    def items(self) -> Iterator[str]:
        """The id of every item that an order or an entry of the log is of."""
        ...

    def size(self, item_id: str | None, since: datetime | None) -> int:
        """About how many orders and entries there are to read."""
        ...

    def moves(self, item_id: str, since: datetime | None) -> Iterator[MoveOfOrders]:
        """In the order in which they were begun."""
        ...

    def changes(self, item_id: str, since: datetime | None) -> Iterator[LoggedChange]:
        """In the order of the inventory's clock, but that none is much later than its entry."""
        ...

    def unproven(self, item_id: str, since: datetime | None) -> Iterator[UnprovenOrder]: ...

    def open_orders(self, item_id: str) -> OpenOrderCounts: ...

    def logged_until(self) -> datetime | None:
        """When the newest entry of the log was written, whatever item it is of."""
        ...


class StockReader(Protocol):
    def read(self, item_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """``grace``: how long the log may take to hear of a change. ``log_kept``: how long it keeps an
    entry; None for ever. ``lease``: how long an item is left to whoever changes its stock."""

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
        """Later than asked for where the log no longer has older entries."""
        if self._limits.log_kept is None:
            return since
        kept_from = self._clock.now() - self._limits.log_kept + 2 * SLACK
        return max(since or kept_from, kept_from)

    def __call__(
        self, item_id: str | None, since: datetime | None, progress: Progress
    ) -> Iterator[ItemReport]:
        """A report on the item, or on each item (None) of which there is something to report.

        Raises InventoryUnavailable, StoreUnavailable, and ItemNotFound for an item asked for of
        which nobody knows.
        """
        if item_id is not None:
            report = self._reconcile(item_id, self.compared_since(since), progress)
            if report.is_empty and report.stock_now is None:
                raise ItemNotFound(item_id)
            yield report
            return
        for each in self._books.items():
            # Without asking the inventory for each item that nothing happened to.
            if since is None or self._books.size(each, since):
                report = self._reconcile(each, self.compared_since(since), progress)
                if not report.is_empty:
                    yield report

    def _reconcile(self, item_id: str, since: datetime | None, progress: Progress) -> ItemReport:
        books, limits = self._books, self._limits
        recent = self._clock.now() - limits.grace
        # The stock first: the orders that move it from here on are seen, and not judged yet.
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
