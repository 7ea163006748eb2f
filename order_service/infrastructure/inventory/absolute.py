"""The absolute contract: GET the stock, PATCH the new one over it."""

import time

from order_service.domain.errors import InventoryUnavailable, ItemNotFound, OutcomeUnknown
from order_service.domain.stock import StockReading
from order_service.infrastructure.inventory.http import Contract, is_of, read_reading, told
from order_service.infrastructure.inventory.items import read_body


class AbsoluteInventory(Contract):
    @told
    def read(self, item_id: str) -> StockReading:
        return read_reading(read_body(self._http, item_id))

    @told
    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        until = time.monotonic() + self._http.longest
        if until > not_after:
            raise InventoryUnavailable("The lease is too old to send under it.")
        # The last look at the clock is the connection's, which sends nothing from then on: a
        # process that was stopped on the way must not send any more.
        path = f"/api/items/update-stock/{item_id}"
        answer = self._http.request("PATCH", path, {"stock": stock}, until)
        if answer.status == 404:
            raise ItemNotFound(item_id)
        item = answer.body.get("item")
        if answer.status != 200 or not isinstance(item, dict):
            # The existing service answers 500 when it saved and could not publish.
            raise OutcomeUnknown("The inventory answered an error.", in_flight=False)
        if not is_of(item_id, item):
            # What became of ours may still be on its way.
            raise OutcomeUnknown("The inventory answered for another item.", in_flight=True)
