"""Moving stock under an inventory that carries out each operation once (conditional contract).

Each line of an order is an operation of its own, with an id of its own: a request whose outcome is
not known is simply sent again.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Final, Protocol

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.moving import Change, for_each, refuse, store_changed
from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    StoreUnavailable,
    VersionConflict,
)
from order_service.domain.history import Actor
from order_service.domain.line import Line
from order_service.domain.marks import Failure, FailureCode, Shortage
from order_service.domain.moves import MovedLine
from order_service.domain.order import Order
from order_service.domain.status import OrderStatus
from order_service.domain.stock import StockReading

_STORE_GONE: Final = "The store became unavailable while the order's outcome was being stored."


class ConditionalInventory(Protocol):
    """The conditional contract: each operation is carried out once, however often it is sent."""

    def available(self) -> bool:
        """False while the circuit breaker sheds load."""
        ...

    def deduct(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        """Raises InsufficientStock, ItemNotFound, InventoryUnavailable, OutcomeUnknown."""
        ...

    def restore(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        """Raises ItemNotFound, InventoryUnavailable, OutcomeUnknown."""
        ...


Moved = dict[str, MovedLine]
_Operation = Callable[[str, int, str], StockReading]


class OperationStock:
    """``moves`` runs the orders' moves, and ``calls`` the calls that a move makes side by side: no
    move waits for a thread that another move keeps. ``by``: who moves the stock, for the orders'
    history; None for whoever asked for it."""

    def __init__(
        self,
        inventory: ConditionalInventory,
        orders: OrderRepository,
        clock: Clock,
        moves: Executor,
        calls: Executor,
        by: Actor | None = None,
    ) -> None:
        self._by = by
        self._inventory = inventory
        self._orders = orders
        self._clock = clock
        self._moves = moves
        self._calls = calls

    def require_available(self) -> None:
        if not self._inventory.available():
            raise InventoryUnavailable("The inventory has been failing, so it is not asked now.")

    def move(self, order: Order, deadline: float) -> Order:
        act = self._take if order.phase.takes else self._give_back
        return self._within(deadline, act, order)

    def recover(self, order: Order, deadline: float) -> Order:
        if order.stuck is not None or order.phase.is_settled:
            return order
        if not order.phase.is_given_up and (order.deferred or not order.phase.takes):
            # A new version: the process that left the order behind can no longer refuse the order.
            return self.move(self._orders.save(order), deadline)
        if not order.phase.is_given_up:
            # Before stock is given back: else the process that left the order could complete it.
            order = self._orders.save(order.give_up(self._clock.now(), by=self._by))
        return self._within(deadline, self._revert, order)

    def _within(self, deadline: float, act: Callable[[Order, float], Order], order: Order) -> Order:
        # In a thread of its own, so that the caller waits no longer than its deadline.
        acting = self._moves.submit(copy_context().run, act, order, deadline)
        try:
            return acting.result(max(0.0, deadline - self._clock.monotonic()))
        except TimeoutError:
            if acting.cancel():
                raise InventoryUnavailable("Too many orders wait for the inventory.") from None
            raise OutcomeUnknown("The stock is still being moved.", in_flight=True) from None

    def _take(self, order: Order, deadline: float) -> Order:
        taken, short = self._deduct_all(order, deadline)
        if short is not None:
            return self._refuse(order, short, taken, deadline)

        def take(each: Order) -> Order:
            # Somebody else may have taken the goods for the order, and the order may have to give
            # them back by now.
            if not each.phase.takes:
                return each
            return each.stock_moved(taken.values(), self._clock.now(), self._by)

        stored = self._store(order, take)
        self._give_back_if_failed(stored, taken, deadline)
        return stored

    def _give_back_if_failed(self, stored: Order, taken: Moved, deadline: float) -> None:
        """Somebody else may have failed the order, and have been refused a line before this process
        took the line's goods: nobody else knows of them then."""
        if stored.phase.is_given_up or stored.status is OrderStatus.FAILED:
            known = {line.item_id for line in stored.lines if line.returned}
            unknown = {item_id: taken[item_id] for item_id in taken.keys() - known}
            self._restore_all(stored, unknown, deadline)

    def _deduct_all(self, order: Order, deadline: float) -> tuple[Moved, Shortage | None]:
        """What was taken, and the shortage at which the order was refused.

        One line after another, in the order of the item ids: of two orders for the last units of
        the same items, one gets all of them, and the orders don't refuse each other.
        """
        taken: Moved = {}
        for line in sorted(order.lines, key=lambda each: each.item_id):
            try:
                reading = self._until_answered(self._inventory.deduct, order, line, deadline)
            except InsufficientStock as refused:
                return taken, Shortage(line.item_id, refused.short[0].available)
            except ItemNotFound:
                return taken, Shortage(line.item_id, None)
            except InventoryUnavailable as error:
                if not taken:
                    raise
                message = "A part of the stock is taken, and the rest is still to be taken."
                raise OutcomeUnknown(message, in_flight=False) from error
            taken[line.item_id] = reading.after(line.item_id, -line.quantity, self._clock.now())
        return taken, None

    def _refuse(self, order: Order, short: Shortage, taken: Moved, deadline: float) -> Order:
        """Fail the order. What was taken is given back first, and that is written ahead."""
        now = self._clock.now()
        refused = refuse(order, [short], now, self._by)
        assert refused.failure is not None
        if not taken:
            return self._save_refusal(order, refused)
        given_up = self._save_refusal(order, order.give_up(now, refused.failure, self._by))
        if not given_up.phase.is_given_up:
            self._give_back_if_failed(given_up, taken, deadline)
            return given_up
        try:
            return self._give_up_taken(given_up, taken, deadline)
        except (InventoryUnavailable, OutcomeUnknown):
            # The refusal stands; settlement gives back what was taken.
            return given_up

    def _save_refusal(self, order: Order, refused: Order) -> Order:
        """Save the refusal, unless somebody has claimed the order since: the claimant sends the
        operations again, and may get other answers."""
        try:
            return self._orders.save(refused)
        except VersionConflict:
            return self._orders.get(order.id) or order
        except StoreUnavailable as error:
            raise OutcomeUnknown(_STORE_GONE, in_flight=False) from error

    def _give_up_taken(self, order: Order, taken: Moved, deadline: float) -> Order:
        returned = self._restore_all(order, taken, deadline)
        moves = {item_id: moved.move for item_id, moved in returned.items()}
        abandoned = Failure(FailureCode.ABANDONED)

        def fail(each: Order) -> Order:
            now = self._clock.now()
            if moves:
                return each.revert(taken, moves, now, self._by)
            return each.fail(abandoned, now, self._by)

        return self._store(order, fail)

    def _revert(self, order: Order, deadline: float) -> Order:
        """Fail an order that was given up.

        Nobody can ask which deductions were ever sent. Sending the deductions again makes it
        certain, and then the stock can be given back. Behind a deduction that is refused none was
        sent before, because deductions are sent in the same order always.
        """
        taken, _ = self._deduct_all(order, deadline)
        return self._give_up_taken(order, taken, deadline)

    def _restore_all(self, order: Order, taken: Moved, deadline: float) -> Moved:
        """Give the lines back that were taken, side by side; of an item that is gone, nothing."""
        lines = [line for line in order.lines if line.item_id in taken]
        return self._restore(order, lines, deadline)

    def _give_back(self, order: Order, deadline: float) -> Order:
        owed = order.stock_changes
        lines = [line for line in order.lines if line.item_id in owed]
        returned = self._restore(order, lines, deadline)
        gone = [Shortage(item_id, None) for item_id in owed if item_id not in returned]

        def change(each: Order) -> Order:
            now = self._clock.now()
            if returned:
                each = each.stock_moved(returned.values(), now, self._by)
            left = [shortage for shortage in gone if shortage.item_id in each.stock_changes]
            return refuse(each, left, now, self._by) if left else each

        return self._store(order, change)

    def _restore(self, order: Order, lines: list[Line], deadline: float) -> Moved:
        def restore(line: Line) -> MovedLine | None:
            try:
                reading = self._until_answered(self._inventory.restore, order, line, deadline)
            except ItemNotFound:
                return None
            return reading.after(line.item_id, line.quantity, self._clock.now())

        found = for_each(self._calls, restore, lines)
        return {moved.item_id: moved for moved in found if moved is not None}

    def _until_answered(
        self, send: _Operation, order: Order, line: Line, deadline: float
    ) -> StockReading:
        unknown: OutcomeUnknown | None = None
        for _ in attempts(self._clock, deadline):
            try:
                return send(line.item_id, line.quantity, _operation_id(order, line))
            except OutcomeUnknown as error:
                unknown = error
            except InventoryUnavailable:
                if unknown is None:
                    raise
        assert unknown is not None
        raise unknown

    def _store(self, order: Order, change: Change) -> Order:
        try:
            return store_changed(self._orders, [order], change)[order.id]
        except StoreUnavailable as error:
            raise OutcomeUnknown(_STORE_GONE, in_flight=False) from error


def _operation_id(order: Order, line: Line) -> str:
    return order.id if len(order.lines) == 1 else f"{order.id}:{line.item_id}"
