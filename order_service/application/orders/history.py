"""Read an order's history: what happened to the order, who did it, and on what evidence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from order_service.application.correlation import UNCORRELATED, Correlation
from order_service.application.place import Place
from order_service.domain.errors import OrderNotFound
from order_service.domain.hindsight import whole_history
from order_service.domain.history import Change, Entry
from order_service.domain.line import Line
from order_service.domain.marks import Shortage
from order_service.domain.moves import StockMove
from order_service.domain.order import Order

Moved = tuple[str, StockMove]


class OrderHistories(Protocol):
    def with_history(self, order_id: str) -> tuple[Order, Sequence[Entry]] | None:
        """The order as the store has it, and the entries that are recorded, oldest first."""
        ...


class LoggedChanges(Protocol):
    def places_of(self, moves: Sequence[Moved]) -> Mapping[Moved, Place]:
        """Where the stock-change log has the changes; a change that it does not have is left
        out."""
        ...


@dataclass(frozen=True, slots=True)
class MoveEvidence:
    """``place``: where the stock-change log has the change; None where it does not have it."""

    item_id: str
    move: StockMove
    place: Place | None


@dataclass(frozen=True, slots=True)
class ToldEntry:
    """``moves``: the changes of stock that brought the entry about. ``short``: the items for which
    the order was refused."""

    entry: Entry
    moves: tuple[MoveEvidence, ...] = ()
    short: tuple[Shortage, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderHistory:
    order: Order
    entries: tuple[ToldEntry, ...]


_TOOK: Final = {Change.ORDER_RESERVED, Change.ORDER_CREATED, Change.ORDER_FAILED}
_GAVE_BACK: Final = {Change.ORDER_CANCELLED, Change.ORDER_EXPIRED, Change.ORDER_FAILED}


class ReadHistory:
    def __init__(
        self,
        orders: OrderHistories,
        log: LoggedChanges,
        correlation: Correlation = UNCORRELATED,
    ) -> None:
        self._correlation = correlation
        self._orders = orders
        self._log = log

    def __call__(self, order_id: str, customer_id: str | None = None) -> OrderHistory:
        """``customer_id``: the order's customer; None for any customer. Raises OrderNotFound,
        StoreUnavailable."""
        found = self._orders.with_history(order_id)
        if found is None or (customer_id is not None and found[0].customer_id != customer_id):
            raise OrderNotFound(order_id)
        order, recorded = found
        self._correlation.concerns(order.id)
        entries = whole_history(order, recorded)
        moves = [_moves(order, entry, entry is entries[-1]) for entry in entries]
        places = self._log.places_of([move for each in moves for move in each])
        told = tuple(
            ToldEntry(entry, _evidence(of_entry, places), _short(order, entry))
            for entry, of_entry in zip(entries, moves, strict=True)
        )
        return OrderHistory(order, told)


def _moves(order: Order, entry: Entry, is_last: bool) -> tuple[Moved, ...]:
    """The lines keep what was moved, so no entry repeats it; what an order that still waits has
    moved so far stands with its last entry."""
    is_sale_of_held = entry.event is Change.ORDER_CREATED and order.hold is not None
    took = entry.event in _TOOK and not is_sale_of_held
    gave_back = entry.event in _GAVE_BACK
    if is_last and not order.phase.is_settled:
        took |= order.phase.takes or order.phase.is_given_up
        gave_back |= not order.phase.takes
    return (
        *(_taken(order.lines) if took else ()),
        *(_returned(order.lines) if gave_back else ()),
    )


def _taken(lines: Sequence[Line]) -> Iterator[Moved]:
    return ((line.item_id, line.taken) for line in lines if line.taken is not None)


def _returned(lines: Sequence[Line]) -> Iterator[Moved]:
    return ((line.item_id, line.returned) for line in lines if line.returned is not None)


def _evidence(moves: Sequence[Moved], places: Mapping[Moved, Place]) -> tuple[MoveEvidence, ...]:
    return tuple(MoveEvidence(*moved, places.get(moved)) for moved in moves)


def _short(order: Order, entry: Entry) -> tuple[Shortage, ...]:
    is_refusal = entry.event in (Change.ORDER_GIVEN_UP, Change.ORDER_FAILED)
    return order.failure.short if order.failure and is_refusal else ()
