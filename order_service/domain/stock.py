"""Stock under an overwriting inventory: plan overwrites, and judge their outcome by evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto

from order_service.domain.marks import Shortage
from order_service.domain.moves import Intent, MovedLine, Overwrite, StockMove
from order_service.domain.order import Order
from order_service.domain.status import OrderPhase


@dataclass(frozen=True, slots=True)
class StockReading:
    """An item's stock (units) and unit price, as the inventory answered."""

    stock: int
    price: Decimal

    def after(self, item_id: str, change: int, at: datetime) -> MovedLine:
        """The move of ``change`` units of the item that led to this stock."""
        move = StockMove(self.stock - change, self.stock, at)
        return MovedLine(item_id, self.price, move)


# None: the inventory has no such item.
Readings = Mapping[str, StockReading | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The orders that one commit serves, and the refused orders, each with every item that was
    short or missing. ``intent``: None where no order is served."""

    served: tuple[Order, ...]
    refused: tuple[tuple[Order, tuple[Shortage, ...]], ...]
    intent: Intent | None


def plan_overwrites(readings: Readings, orders: Sequence[Order], at: datetime) -> Plan:
    """First come, first served; an order that does not fit whole takes nothing, and does not hold
    up a smaller one. An order gives back what it can: an item that is missing keeps no other."""
    left = {item: reading.stock for item, reading in readings.items() if reading is not None}
    served: list[Order] = []
    refused: list[tuple[Order, tuple[Shortage, ...]]] = []
    for order in orders:
        changes = _possible(order, left)
        if short := tuple(_short(changes, left)):
            refused.append((order, short))
            continue
        for item_id, change in changes.items():
            left[item_id] += change
        served.append(order)
    intent = _intent(readings, left, served, at) if served else None
    return Plan(tuple(served), tuple(refused), intent)


def _possible(order: Order, left: Mapping[str, int]) -> dict[str, int]:
    changes = order.stock_changes
    if order.phase.takes:
        return changes
    return {item_id: change for item_id, change in changes.items() if item_id in left} or changes


def _short(changes: Mapping[str, int], left: Mapping[str, int]) -> Iterable[Shortage]:
    for item_id, change in changes.items():
        if item_id not in left:
            yield Shortage(item_id, None)
        elif left[item_id] + change < 0:
            yield Shortage(item_id, max(0, left[item_id]))


def _intent(
    readings: Readings, left: Mapping[str, int], served: Sequence[Order], at: datetime
) -> Intent:
    overwrites = tuple(
        Overwrite(item_id, reading.stock, left[item_id], reading.price)
        for item_id, reading in readings.items()
        if reading is not None
    )
    return Intent(tuple(order.id for order in served), overwrites, at)


class Verdict(Enum):
    APPLIED = auto()
    NOT_APPLIED = auto()
    UNDECIDED = auto()


def judge(moved: MovedLine, orders: Iterable[Order], stock_now: int | None) -> Verdict:
    """What the orders and the stock say of an overwrite whose outcome is unknown.

    ``moved``: what the overwrite moves; ``orders``: the orders that the overwrite serves;
    ``stock_now``: None where the inventory no longer has the item. An order that carries the move
    proves that the overwrite was applied. So does an order that was completed or cancelled without
    a person's word and carries no move, because it was stored before moves were recorded: the
    intent's holder stores the orders only after the overwrite was acknowledged. An order that ended
    by other moves proves nothing.
    """
    if any(order.was_moved_by([moved]) or _ended_without_moves(order) for order in orders):
        return Verdict.APPLIED
    if stock_now == moved.move.new_stock:
        return Verdict.APPLIED
    if stock_now == moved.move.previous_stock:
        return Verdict.NOT_APPLIED
    return Verdict.UNDECIDED


def _ended_without_moves(order: Order) -> bool:
    has_moves = any(line.taken or line.returned for line in order.lines)
    is_done = order.phase in (OrderPhase.COMPLETED, OrderPhase.CANCELLED)
    return is_done and not has_moves and order.decision is None
