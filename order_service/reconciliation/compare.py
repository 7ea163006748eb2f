"""Compare the orders with the stock-change log and with the inventory, item by item."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from order_service.application.clock import Clock
from order_service.domain.errors import ItemNotFound
from order_service.domain.stock import StockReading
from order_service.reconciliation.history import SLACK, LoggedChange, MoveOfOrders, shifted
from order_service.reconciliation.item import Evidence, UnprovenOrder, reconcile_item
from order_service.reconciliation.report import Horizon, ItemReport

T = TypeVar("T")
Progress = Callable[[], object]


@dataclass(frozen=True, slots=True)
class OpenOrders:
    waiting: int
    stuck: int


class Books(Protocol):
    """The orders and the log, read as streams. ``since`` leaves out what is older, roughly."""

    def items(self) -> Iterator[str]:
        """Every item that an order or an entry of the log is of, by its id."""
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

    def open_orders(self, item_id: str) -> OpenOrders: ...

    def logged_until(self) -> datetime | None:
        """When the newest entry of the log was written, whatever item it is of."""
        ...


class StockReader(Protocol):
    def read(self, item_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class ReconcileQuery:
    item_id: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """``grace``: how long the log may take to hear of a change. ``log_kept``: how long it keeps an
    entry; None for ever. ``lease``: how long an item is left to whoever changes its stock."""

    grace: timedelta
    log_kept: timedelta | None = None
    lease: timedelta = timedelta(seconds=10)


class Reconcile:
    def __init__(self, books: Books, stock: StockReader, clock: Clock, patience: Patience) -> None:
        self._books = books
        self._stock = stock
        self._clock = clock
        self._patience = patience

    def size(self, query: ReconcileQuery) -> int:
        """About how often ``progress`` will be called."""
        return self._books.size(query.item_id, query.since)

    def since(self, query: ReconcileQuery) -> datetime | None:
        """What is really compared from: where the log no longer has older entries, later than
        asked for."""
        if self._patience.log_kept is None:
            return query.since
        kept_from = self._clock.now() - self._patience.log_kept + 2 * SLACK
        return max(query.since or kept_from, kept_from)

    def __call__(
        self, query: ReconcileQuery, progress: Progress = lambda: None
    ) -> Iterator[ItemReport]:
        """A report for each item that there is something to tell of, one after the other.

        Raises InventoryUnavailable, StoreUnavailable, and ItemNotFound for an item asked for of
        which nobody knows.
        """
        if query.item_id is not None:
            yield self._known(self._reconcile(query.item_id, self.since(query), progress))
            return
        for item_id in self._books.items():
            # Without asking the inventory for each item that nothing happened to.
            if query.since is None or self._books.size(item_id, query.since):
                report = self._reconcile(item_id, self.since(query), progress)
                if not report.is_empty:
                    yield report

    def _known(self, report: ItemReport) -> ItemReport:
        if report.is_empty and report.stock_now is None:
            raise ItemNotFound(report.item_id)
        return report

    def _reconcile(self, item_id: str, since: datetime | None, progress: Progress) -> ItemReport:
        books = self._books
        recent = self._clock.now() - self._patience.grace
        # The stock first: what moves it from here on is seen in the orders, and not judged yet.
        stock_now = self._stock_now(item_id)
        open_orders = books.open_orders(item_id)
        logged_until = books.logged_until()
        # What is told on both sides of the boundary must not look as if one side did not tell it.
        begin = shifted(since, -2 * SLACK) if since else None
        evidence = Evidence(
            _told(books.moves(item_id, begin), progress),
            _told(books.changes(item_id, begin), progress),
            books.unproven(item_id, since),
            stock_now,
            open_orders.waiting,
            open_orders.stuck,
        )
        return reconcile_item(
            item_id, evidence, Horizon(since, recent, logged_until, self._patience.lease)
        )

    def _stock_now(self, item_id: str) -> int | None:
        try:
            return self._stock.read(item_id).stock
        except ItemNotFound:
            return None


def _told(those: Iterable[T], progress: Progress) -> Iterator[T]:
    for each in those:
        yield each
        progress()
