"""The conditional contract: each operation id is carried out once, however often it is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from order_service.domain.errors import (
    InsufficientStock,
    InventoryUnavailable,
    ItemNotFound,
    OutcomeUnknown,
    ShortItem,
)
from order_service.domain.stock import StockReading
from order_service.infrastructure.inventory.http import (
    Answer,
    Contract,
    read_reading,
    read_stock,
    told,
)


class ConditionalInventory(Contract):
    @told
    def deduct(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        answer = self._send("deduct-stock", item_id, quantity, operation_id)
        if answer.status == 409:
            with _rubbish_tells_nothing():
                left = read_stock(answer.body)
                raise InsufficientStock(ShortItem(item_id, quantity, left))
        return _reading(answer)

    @told
    def restore(self, item_id: str, quantity: int, operation_id: str) -> StockReading:
        return _reading(self._send("restore-stock", item_id, quantity, operation_id))

    def _send(self, verb: str, item_id: str, quantity: int, operation_id: str) -> Answer:
        body = {"quantity": quantity, "operationId": operation_id}
        answer = self._http.request("POST", f"/api/items/{verb}/{item_id}", body)
        if answer.status == 404:
            raise ItemNotFound(item_id)
        return answer


def _reading(answer: Answer) -> StockReading:
    if answer.status != 200:
        raise OutcomeUnknown("The inventory answered an error.", in_flight=False)
    with _rubbish_tells_nothing():
        return read_reading(answer.body)


@contextmanager
def _rubbish_tells_nothing() -> Iterator[None]:
    """The operation was answered, but not what became of it."""
    try:
        yield
    except InventoryUnavailable as error:
        raise OutcomeUnknown(error.message, in_flight=False) from error
