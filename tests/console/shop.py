"""A running system, and what somebody with every scope does there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.api.issuer import Issuer, bearer
from tests.system import System

ALL_SCOPES = "orders:admin orders:read orders:write stock:read"


@dataclass(frozen=True)
class Shop:
    """``issuer``: None where the system is open."""

    system: System
    issuer: Issuer | None = None

    @property
    def url(self) -> str:
        return f"{self.system.urls[0]}{self.system.settings.get('SCRIPT_NAME', '')}"

    def token(self, sub: str = "ada", scope: str = ALL_SCOPES, **claims: Any) -> str | None:
        """None where nobody asks for one."""
        return self.issuer.token(sub, scope, **claims) if self.issuer else None

    def ask(self, method: str, path: str, sub: str = "ada", **options: Any) -> requests.Response:
        """The answer to what ``sub`` asks for, with a token for everything."""
        token = self.token(sub)
        headers = {**(bearer(token) if token else {}), **options.pop("headers", {})}
        return self.system.request(method, path, headers=headers, **options)

    def add_item(self, stock: int = 100, price: str = "9.99", name: str = "A thing") -> str:
        return self.system.items.add(stock, price, name)

    def place(self, items: str | Mapping[str, int], quantity: int = 1, **more: Any) -> Any:
        """The order. ``items``: one, or the quantity of each; ``more``: members of the body."""
        lines = {items: quantity} if isinstance(items, str) else items
        body = {"items": [{"itemId": item, "quantity": each} for item, each in lines.items()]}
        return self._order(self.ask("POST", "/api/orders", json=body | more))

    def cancel(self, order_id: str) -> Any:
        return self._order(self.ask("POST", f"/api/orders/{order_id}/cancel"))

    def order(self, order_id: str) -> Any:
        return self._order(self.ask("GET", f"/api/orders/{order_id}"))

    def _order(self, answer: requests.Response) -> Any:
        answer.raise_for_status()
        return answer.json()["order"]
