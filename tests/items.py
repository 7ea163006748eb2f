"""The inventory's items, as their owner sees them."""

from types import TracebackType
from typing import Any, Self

import requests


class Items:
    def __init__(self, inventory_url: str) -> None:
        self._url = inventory_url
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def add(self, stock: int, price: str | float = "9.99", name: str = "A thing") -> str:
        """A new item; its id."""
        body = {"name": name, "description": "For a test", "price": float(price), "stock": stock}
        return str(self._ask("POST", "/api/items/add", body)["item"]["_id"])

    def stock(self, item: str) -> int:
        return int(self._ask("GET", f"/api/items/stock/{item}")["stock"])

    def set_stock(self, item: str, stock: int) -> None:
        """As another writer does it: without the lease."""
        self._ask("PATCH", f"/api/items/update-stock/{item}", {"stock": stock})

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._session.request(method, self._url + path, json=body, timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
