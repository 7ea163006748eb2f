"""Orders and a log for reconciliation to read, and the inventory beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from order_service.domain.errors import ItemNotFound, StoreUnavailable
from order_service.domain.stock import StockReading
from order_service.reconciliation.evidence import (
    NONE_HELD,
    Held,
    LoggedChange,
    MoveOfOrders,
    Share,
    UnprovenOrder,
)
from order_service.reconciliation.reconcile import OpenOrderCounts
from tests.unit.fakes import PRICE, FakeClock

ITEM, OTHER = "a" * 24, "b" * 24
DAY = timedelta(days=1)


@dataclass
class FakeBooks:
    """Two items; the clock of the tests says that all of it was a day ago."""

    told_moves: dict[str, list[MoveOfOrders]] = field(default_factory=dict)
    told_changes: dict[str, list[LoggedChange]] = field(default_factory=dict)
    stocks: dict[str, int] = field(default_factory=dict)
    breaks_at: str | None = None
    asked_since: list[datetime | None] = field(default_factory=list)
    orders: int = 0
    stuck: int = 0
    held: Held = NONE_HELD
    error: BaseException | None = None

    def items(self) -> Iterator[str]:
        yield from sorted({*self.told_moves, *self.told_changes})

    def size(self, item_id: str | None, since: datetime | None) -> int:
        items = [item_id] if item_id else list(self.items())
        told = [each for item in items for each in self.told_changes.get(item, [])]
        return sum(since is None or each.at >= since for each in told)

    def moves(self, item_id: str, since: datetime | None) -> Iterator[MoveOfOrders]:
        if item_id == self.breaks_at:
            raise self.error or StoreUnavailable("The order store can't be reached.")
        self.asked_since.append(since)
        yield from self.told_moves.get(item_id, [])

    def changes(self, item_id: str, since: datetime | None) -> Iterator[LoggedChange]:
        yield from self.told_changes.get(item_id, [])

    def unproven(self, item_id: str, since: datetime | None) -> Iterator[UnprovenOrder]:
        yield from ()

    def open_orders(self, item_id: str) -> OpenOrderCounts:
        return (
            OpenOrderCounts(0, self.stuck, self.held) if item_id == ITEM else OpenOrderCounts(0, 0)
        )

    def logged_until(self) -> datetime | None:
        return FakeClock().now()

    def read(self, item_id: str) -> StockReading:
        if item_id not in self.stocks:
            raise ItemNotFound(item_id)
        return StockReading(self.stocks[item_id], PRICE)

    # --- what happened

    def order(self, item: str, previous: int, new: int, *, found: int | None = None) -> str:
        """``found``: what the stock really was when the order's overwrite came."""
        self.orders += 1
        order_id, at = f"{self.orders:024x}", FakeClock().now() - DAY
        share = Share(order_id, new - previous)
        self.told_moves.setdefault(item, []).append(MoveOfOrders((share,), previous, new, at, at))
        self.change(item, previous if found is None else found, new)
        return order_id

    def change(self, item: str, previous: int, new: int) -> None:
        changes = self.told_changes.setdefault(item, [])
        at = FakeClock().now() - DAY + timedelta(seconds=len(changes))
        changes.append(LoggedChange(f"entry {len(changes)}", previous, new, at))
        self.stocks[item] = new
