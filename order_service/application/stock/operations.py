"""Moving stock under an inventory that carries out each operation once (conditional contract).

The operation id is the order's id: a request whose outcome is not known is simply sent again.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, Protocol

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderRepository
from order_service.application.stock.moving import (
    Change,
    fail_for_missing_item,
    store_changed,
)
from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    StoreUnavailable,
    VersionConflict,
)
from order_service.domain.order import Failure, FailureCode, Order, OrderPhase
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


class OperationStock:
    def __init__(
        self,
        inventory: ConditionalInventory,
        orders: OrderRepository,
        clock: Clock,
        executor: Executor,
    ) -> None:
        self._inventory = inventory
        self._orders = orders
        self._clock = clock
        self._executor = executor

    def require_available(self) -> None:
        if not self._inventory.available():
            raise InventoryUnavailable("The inventory has been failing, so it is not asked now.")

    def move(self, order: Order, deadline: float) -> Order:
        return self._within(deadline, self._move, order)

    def recover(self, order: Order, deadline: float) -> Order:
        if order.stuck is not None:
            return order
        if order.deferred or order.stock_change > 0:
            # A new version: the process that left the order behind can no longer refuse the order.
            return self.move(self._orders.save(order), deadline)
        if order.phase is not OrderPhase.GIVEN_UP:
            # Before stock is given back: else the process that left the order could complete it.
            order = self._orders.save(order.give_up(self._clock.now()))
        return self._within(deadline, self._revert, order)

    def _within(self, deadline: float, act: Callable[[Order, float], Order], order: Order) -> Order:
        # In a thread of its own, so that the caller waits no longer than its deadline.
        acting = self._executor.submit(act, order, deadline)
        try:
            return acting.result(max(0.0, deadline - self._clock.monotonic()))
        except TimeoutError:
            if acting.cancel():
                raise InventoryUnavailable("Too many orders wait for the inventory.") from None
            raise OutcomeUnknown("The stock is still being moved.", in_flight=True) from None

    def _revert(self, order: Order, deadline: float) -> Order:
        """Fail an order whose caller was promised nothing, or was told that nothing was deducted.

        Nobody can ask whether the deduction was ever sent. Sending the deduction again makes it
        certain, and then the stock can be given back.
        """
        try:
            taken = self._send_until_answered(order, deadline)
            returned = self._inventory.restore(order.item_id, order.quantity, order.id)
        except (InsufficientStock, ItemNotFound):
            abandoned = Failure(FailureCode.ABANDONED)
            return self._store(order, lambda each: each.fail(abandoned, self._clock.now()))
        now = self._clock.now()
        took, gave = taken.after(-order.quantity, now), returned.after(order.quantity, now)
        return self._store(order, lambda each: each.revert(took, gave, self._clock.now()))

    def _move(self, order: Order, deadline: float) -> Order:
        try:
            reading = self._send_until_answered(order, deadline)
        except InsufficientStock as refused:
            failure = Failure(FailureCode.INSUFFICIENT_STOCK, refused.available)
            return self._refuse(order, lambda each: each.fail(failure, self._clock.now()))
        except ItemNotFound:
            return self._refuse(order, lambda each: fail_for_missing_item(each, self._clock.now()))
        move = reading.after(order.stock_change, self._clock.now())
        return self._store(
            order, lambda each: each.stock_moved(reading.price, move, self._clock.now())
        )

    def _send_until_answered(self, order: Order, deadline: float) -> StockReading:
        unknown: OutcomeUnknown | None = None
        for _ in attempts(self._clock, deadline):
            try:
                return self._send(order)
            except OutcomeUnknown as error:
                unknown = error
            except InventoryUnavailable:
                if unknown is None:
                    raise
        assert unknown is not None
        raise unknown

    def _send(self, order: Order) -> StockReading:
        if order.stock_change < 0:
            return self._inventory.deduct(order.item_id, order.quantity, order.id)
        return self._inventory.restore(order.item_id, order.quantity, order.id)

    def _refuse(self, order: Order, change: Change) -> Order:
        """Save the refusal, unless somebody has claimed the order since: the claimant sends the
        operation again, and may get another answer."""
        try:
            return self._orders.save(change(order))
        except VersionConflict:
            return self._orders.get(order.id) or order
        except StoreUnavailable as error:
            raise OutcomeUnknown(_STORE_GONE, in_flight=False) from error

    def _store(self, order: Order, change: Change) -> Order:
        try:
            return store_changed(self._orders, [order], change)[order.id]
        except StoreUnavailable as error:
            raise OutcomeUnknown(_STORE_GONE, in_flight=False) from error
