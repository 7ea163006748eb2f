"""A line of an order: one item, and how many units of the item the customer wants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Final, Self

from order_service.domain.errors import InvalidValue
from order_service.domain.moves import MovedLine, StockMove

MAX_LINES: Final = 100
# For a line, and for all lines of an order together.
MAX_QUANTITY: Final = 2**31 - 1

# The digits that a Decimal128 holds. A product of a price and a quantity has fewer digits; a sum of
# very large and very small products may have more, and is rounded.
_MONEY: Final = Context(prec=34)


@dataclass(frozen=True, slots=True)
class Line:
    """``unit_price``: the price at which the units were taken; None until then. ``taken`` and
    ``returned``: the moves by which the order got and gave back the units."""

    item_id: str
    quantity: int
    unit_price: Decimal | None = None
    taken: StockMove | None = None
    returned: StockMove | None = None

    @property
    def total_price(self) -> Decimal | None:
        return None if self.unit_price is None else _MONEY.multiply(self.unit_price, self.quantity)

    def was_moved_by(self, move: StockMove) -> bool:
        return move in (self.taken, self.returned)

    def take(self, moved: MovedLine) -> Self:
        return replace(self, unit_price=moved.unit_price, taken=moved.move)

    def give_back(self, move: StockMove) -> Self:
        return replace(self, returned=move)


def total_of(lines: Sequence[Line]) -> Decimal:
    """The lines' prices in all; each line has one."""
    total = Decimal(0)
    for line in lines:
        assert line.total_price is not None
        total = _MONEY.add(total, line.total_price) if total else line.total_price
    return total


def require_orderable(lines: Sequence[Line]) -> None:
    """Raises InvalidValue, which names every line that can't be ordered."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise InvalidValue("items", f"must be 1 to {MAX_LINES} lines")
    problems = [*_bad_quantities(lines), *repeated_items([line.item_id for line in lines])]
    if not problems and sum(line.quantity for line in lines) > MAX_QUANTITY:
        problems = [("items", TOO_MANY_UNITS)]
    if problems:
        raise InvalidValue(*problems[0], *problems[1:])


TOO_MANY_UNITS: Final = f"the quantities must not add up to more than {MAX_QUANTITY}"


def repeated_items(item_ids: Sequence[str]) -> list[tuple[str, str]]:
    """The place and the reason for each item that an earlier line has too."""
    first: dict[str, int] = {}
    problems = []
    for number, item_id in enumerate(item_ids):
        if item_id in first:
            reason = f"is the item of items[{first[item_id]}] too: add the quantities up"
            problems.append((f"items[{number}].itemId", reason))
        first.setdefault(item_id, number)
    return problems


def _bad_quantities(lines: Sequence[Line]) -> list[tuple[str, str]]:
    return [
        (f"items[{number}].quantity", f"must be from 1 to {MAX_QUANTITY}")
        for number, line in enumerate(lines)
        if not 1 <= line.quantity <= MAX_QUANTITY
    ]
