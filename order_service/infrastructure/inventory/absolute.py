"""The absolute contract: GET the stock, PATCH the new one over it."""

import time

from order_service.domain.errors import InventoryUnavailable, ItemNotFound, OutcomeUnknown
from order_service.domain.stock import StockReading
from order_service.infrastructure.inventory.http import InventoryHttp, read_reading


class AbsoluteInventory:
    def __init__(self, http: InventoryHttp) -> None:
        self._http = http

    def available(self) -> bool:
        return self._http.available()

    def read(self, item_id: str) -> StockReading:
        return read_reading(self._http.get_item(f"/api/items/stock/{item_id}", item_id).body)

    def overwrite(self, item_id: str, stock: int, not_after: float) -> None:
        # Checked last of all: a process that was stopped on the way must not send any more.
        if time.monotonic() + self._http.longest > not_after:
            raise InventoryUnavailable("The lease is too old to send under it.")
        answer = self._http.request("PATCH", f"/api/items/update-stock/{item_id}", {"stock": stock})
        if answer.status == 404:
            raise ItemNotFound(item_id)
        if answer.status != 200 or not isinstance(answer.body.get("item"), dict):
            # The existing service answers 500 when it saved and could not publish.
            raise OutcomeUnknown("The inventory answered an error.", in_flight=False)
