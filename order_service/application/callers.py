"""Who asks, and what they may do. How that is found out is the infrastructure's."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Scope(StrEnum):
    """``ORDERS_ADMIN`` reads and writes orders, everybody's; the log needs its own scope."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_ADMIN = "orders:admin"
    STOCK_READ = "stock:read"


_OF_ADMIN = frozenset({Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.ORDERS_ADMIN})


@dataclass(frozen=True, slots=True)
class Caller:
    """``subject``: the customer; None where the service is open and nobody says who they are."""

    subject: str | None
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        if self.subject is None or scope in self.scopes:
            return True
        return Scope.ORDERS_ADMIN in self.scopes and scope in _OF_ADMIN

    @property
    def sees_orders_of(self) -> str | None:
        """Whose orders they may see; None for everybody's."""
        return None if self.may(Scope.ORDERS_ADMIN) else self.subject

    @property
    def key_owner(self) -> str:
        """Whom their idempotency keys belong to. No subject is empty, so nobody shares ''."""
        return self.subject or ""


ANYBODY = Caller(subject=None, scopes=frozenset())


class Authenticate(Protocol):
    def __call__(self, token: str) -> Caller:
        """Raises Unauthenticated, and KeysUnavailable when nothing is there to check it with."""
        ...
