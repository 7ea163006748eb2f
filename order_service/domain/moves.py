"""Changes of items' stock: as orders record them, and as they are intended."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self


@dataclass(frozen=True, slots=True)
class StockMove:
    """The change of an item's stock that served one order or several. Reconciliation compares the
    moves with the stock-change log. ``at``: the time before an overwrite was sent, or at which an
    operation was answered; the time and the two stocks identify the change."""

    previous_stock: int
    new_stock: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MovedLine:
    """The move of one item of an order, and the item's price for one unit at that time."""

    item_id: str
    unit_price: Decimal
    move: StockMove


@dataclass(frozen=True, slots=True)
class Overwrite:
    """One item's stock, to be overwritten: the value that was read, and the new value."""

    item_id: str
    previous_stock: int
    new_stock: int
    unit_price: Decimal

    @property
    def changes_stock(self) -> bool:
        """False where the orders take as much as they give back: nothing is sent then."""
        return self.new_stock != self.previous_stock


@dataclass(frozen=True, slots=True)
class Intent:
    """Overwrites that are made all or none, recorded before the first one is sent, and the orders
    that the overwrites serve.

    ``abandons``: the intent has no overwrites, but records that the orders are to fail, because no
    overwrite was ever sent for the orders. ``fence``: the fence of the lease that first held the
    intent, where the intent is of several items; the leases of its other items name that fence.
    """

    order_ids: tuple[str, ...]
    overwrites: tuple[Overwrite, ...]
    recorded_at: datetime
    abandons: bool = False
    fence: int = 0

    @classmethod
    def to_abandon(cls, order_id: str, at: datetime) -> Self:
        return cls((order_id,), (), at, abandons=True)

    @property
    def moved(self) -> tuple[MovedLine, ...]:
        """What the overwrites move, once they are made."""
        return tuple(self.moved_by(each) for each in self.overwrites)

    @property
    def changes(self) -> tuple[MovedLine, ...]:
        """Those of ``moved`` that are sent. An overwrite that changes nothing is never sent, so it
        is never in doubt."""
        return tuple(self.moved_by(each) for each in self.overwrites if each.changes_stock)

    def moved_by(self, overwrite: Overwrite) -> MovedLine:
        move = StockMove(overwrite.previous_stock, overwrite.new_stock, self.recorded_at)
        return MovedLine(overwrite.item_id, overwrite.unit_price, move)
