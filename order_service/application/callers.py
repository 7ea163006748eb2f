"""Callers, and what each caller may do. The infrastructure authenticates callers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Scope(StrEnum):
    """``ORDERS_ADMIN`` reads and writes every customer's orders, but not the stock-change log."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_ADMIN = "orders:admin"
    STOCK_READ = "stock:read"


_OF_ADMIN = frozenset({Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.ORDERS_ADMIN})


@dataclass(frozen=True, slots=True)
class Caller:
    """``subject``: the customer; None where the service is open and asks for no token."""

    subject: str | None
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        if self.subject is None or scope in self.scopes:
            return True
        return Scope.ORDERS_ADMIN in self.scopes and scope in _OF_ADMIN

    @property
    def sees_orders_of(self) -> str | None:
        """The customer whose orders the caller may see; None for every customer's."""
        return None if self.may(Scope.ORDERS_ADMIN) else self.subject

    @property
    def key_owner(self) -> str:
        """The owner of the caller's idempotency keys. No subject is empty, so nobody shares ''."""
        return self.subject or ""


ANYBODY = Caller(subject=None, scopes=frozenset())


class Authenticate(Protocol):
    def __call__(self, token: str) -> Caller:
        """Raises Unauthenticated, and KeysUnavailable without keys to check the token with."""
        ...
