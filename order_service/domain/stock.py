"""Stock under an overwriting inventory: plan an overwrite, and judge its outcome by evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto

from order_service.domain.order import Intent, Order, StockMove


@dataclass(frozen=True, slots=True)
class StockReading:
    """An item's stock (units) and unit price, as the inventory answered."""

    stock: int
    price: Decimal

    def after(self, change: int, at: datetime) -> StockMove:
        """The move of ``change`` units that led to this stock."""
        return StockMove(self.stock - change, self.stock, at)


@dataclass(frozen=True, slots=True)
class Plan:
    """The orders that one overwrite serves, and the refused orders, each with the stock left."""

    served: tuple[Order, ...]
    refused: tuple[tuple[Order, int], ...]
    intent: Intent | None


def plan_overwrite(reading: StockReading, orders: Sequence[Order], at: datetime) -> Plan:
    """First come, first served; an order that does not fit does not hold up a smaller one."""
    served: list[Order] = []
    refused: list[tuple[Order, int]] = []
    left = reading.stock
    for order in orders:
        if left + order.stock_change >= 0:
            left += order.stock_change
            served.append(order)
        else:
            refused.append((order, left))
    intent = None
    if served:
        ids = tuple(order.id for order in served)
        intent = Intent(ids, reading.stock, left, reading.price, at)
    return Plan(tuple(served), tuple(refused), intent)


class Verdict(Enum):
    APPLIED = auto()
    NOT_APPLIED = auto()
    UNDECIDED = auto()


def judge(intent: Intent, orders: Iterable[Order], stock_now: int) -> Verdict:
    """What the orders and the stock say of an intent whose outcome is unknown.

    A settled order, or one that carries the intent's move, proves that the overwrite was applied:
    the intent's holder stores such an order only after the overwrite was acknowledged.
    """
    moved = any(o.phase.is_settled or o.was_moved_by(intent.move) for o in orders)
    if moved or stock_now == intent.new_stock:
        return Verdict.APPLIED
    if stock_now == intent.previous_stock:
        return Verdict.NOT_APPLIED
    return Verdict.UNDECIDED
