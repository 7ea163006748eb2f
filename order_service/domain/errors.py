"""Every error the service raises on purpose, in one tree.

``code`` is the stable name that clients see, ``message`` the sentence that people read. Further
facts are plain attributes. The interface decides how an error is shown. An error outside this tree
is a defect.

OrderServiceError
├── Rejected                 the request is understood and turned down
│   ├── InsufficientStock
│   ├── ItemNotFound
│   ├── InvalidValue
│   └── TooMuchToCompare
├── OrderNotFound
├── NoSuchItem               the inventory has no item with the id that was asked for
├── DeadLetterNotFound
├── Conflict                 the state of the order or of the key does not allow the request
│   ├── IllegalMove
│   │   ├── NotHeld          the order was never held
│   │   ├── HoldExpired      … or somebody else was faster
│   │   ├── HoldCancelled
│   │   └── HoldConfirmed
│   ├── VersionConflict
│   ├── KeyInFlight
│   └── KeyReused
├── TooManyHolds             the caller holds as many orders as one caller may
├── PreconditionFailed       the order is not the version that the caller named
├── AccessDenied
│   ├── Unauthenticated      the caller sent no token, or no valid one
│   ├── MissingScope         the caller is known, but may not do this
│   └── CrossSite            a page of another site sent the request
├── Unavailable              a dependency is missing; nothing was done that must be undone
│   ├── InventoryUnavailable
│   ├── StoreUnavailable
│   ├── BrokerUnavailable
│   ├── KeysUnavailable      the issuer's keys, which tokens are checked with
│   ├── Busy                 another request does what is done one at a time
│   └── TooMuchToRead        … for the time that a request has
└── OutcomeUnknown           a request was sent and its outcome is not known yet
"""

from dataclasses import dataclass
from typing import ClassVar


class OrderServiceError(Exception):
    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Rejected(OrderServiceError):
    """``replayed``: an earlier request with the same key was turned down for the same reason."""

    code = "rejected"

    def __init__(self, message: str, *, replayed: bool = False) -> None:
        super().__init__(message)
        self.replayed = replayed


@dataclass(frozen=True, slots=True)
class ShortItem:
    """``requested`` and ``available`` in units; ``available`` None: there is no such item."""

    item_id: str
    requested: int
    available: int | None


class InsufficientStock(Rejected):
    """``short``: every item that was short; ``lines``: how many lines the order has."""

    code = "insufficient_stock"

    def __init__(self, *short: ShortItem, lines: int = 1, replayed: bool = False) -> None:
        message = " ".join(
            f"Only {each.available} of item {each.item_id} in stock, {each.requested} requested."
            for each in short
        )
        super().__init__(message, replayed=replayed)
        self.short = short
        self.lines = lines


class ItemNotFound(Rejected):
    """``short``: every item that was missing or short, where an order asked for them; ``lines``:
    how many lines the order has."""

    code = "item_not_found"

    def __init__(
        self,
        *item_ids: str,
        short: tuple[ShortItem, ...] = (),
        lines: int = 1,
        replayed: bool = False,
    ) -> None:
        noun = "item" if len(item_ids) == 1 else "items"
        super().__init__(f"The inventory has no {noun} {', '.join(item_ids)}.", replayed=replayed)
        self.item_ids = item_ids
        self.short = short
        self.lines = lines


class InvalidValue(Rejected):
    """One value that can't be used, or several: ``problems`` names each field and the reason."""

    code = "invalid_request"

    def __init__(self, field: str, reason: str, *more: tuple[str, str]) -> None:
        self.problems = ((field, reason), *more)
        super().__init__("; ".join(f"{name}: {why}" for name, why in self.problems))


class TooMuchToCompare(Rejected):
    """``records``: how many orders and entries of the log there are to read, of which a request
    may read ``most``."""

    code = "too_much_to_compare"

    def __init__(self, item_id: str, records: int, most: int) -> None:
        super().__init__(
            f"There are {records} orders and log entries to compare, and a request may compare "
            f"{most}: give a later `since`, or run `order-service reconcile --item {item_id}`."
        )
        self.records = records
        self.most = most


class OrderNotFound(OrderServiceError):
    code = "order_not_found"

    def __init__(self, order_id: str) -> None:
        super().__init__("No such order.")
        self.order_id = order_id


class NoSuchItem(OrderServiceError):
    code = "no_such_item"

    def __init__(self, item_id: str) -> None:
        super().__init__("No such item.")
        self.item_id = item_id


class DeadLetterNotFound(OrderServiceError):
    code = "dead_letter_not_found"

    def __init__(self) -> None:
        super().__init__("No such dead letter.")


class Conflict(OrderServiceError):
    code = "conflict"


class IllegalMove(Conflict):
    """The order's status does not allow this move."""

    code = "illegal_move"

    def __init__(self, message: str, order_status: str) -> None:
        super().__init__(message)
        self.order_status = str(order_status)


class NotHeld(IllegalMove):
    code = "not_held"

    def __init__(self, order_status: str) -> None:
        super().__init__(f"The order is {order_status} and was never held.", order_status)


class HoldExpired(IllegalMove):
    code = "hold_expired"

    def __init__(self, order_status: str) -> None:
        super().__init__("The hold was not confirmed in time and has expired.", order_status)


class HoldCancelled(IllegalMove):
    code = "hold_cancelled"

    def __init__(self, order_status: str) -> None:
        super().__init__("The held order was cancelled.", order_status)


class HoldConfirmed(IllegalMove):
    code = "hold_confirmed"

    def __init__(self, order_status: str) -> None:
        super().__init__("The held order was confirmed: the order is sold.", order_status)


class VersionConflict(Conflict):
    """Somebody else saved the order after it was loaded."""

    code = "version_conflict"


class KeyInFlight(Conflict):
    code = "key_in_flight"

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is still being processed.")


class KeyReused(Conflict):
    code = "key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with a different body.")


class TooManyHolds(OrderServiceError):
    """``most``: how many orders one caller may hold at a time."""

    code = "too_many_holds"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"One caller may hold {most} orders at a time, and you do: confirm or cancel one, "
            "or wait until one expires."
        )
        self.most = most


class PreconditionFailed(OrderServiceError):
    code = "precondition_failed"

    def __init__(self, version: int) -> None:
        super().__init__("The order has changed since you read it.")
        self.version = version


class AccessDenied(OrderServiceError):
    code = "access_denied"


class Unauthenticated(AccessDenied):
    """``invalid_token``: the caller sent a token, but the token is not valid."""

    code = "unauthenticated"

    def __init__(self, message: str, *, invalid_token: bool = True) -> None:
        super().__init__(message)
        self.invalid_token = invalid_token


class MissingScope(AccessDenied):
    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token lacks the scope {scope}.")
        self.scope = scope


class CrossSite(AccessDenied):
    code = "cross_site"

    def __init__(self) -> None:
        super().__init__(
            "A page of another site sent this request. Pages of this service's own site may send "
            "it, programs, and pages of the origins in CORS_ORIGINS."
        )


class Unavailable(OrderServiceError):
    code = "unavailable"


class InventoryUnavailable(Unavailable):
    code = "inventory_unavailable"


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class BrokerUnavailable(Unavailable):
    code = "broker_unavailable"


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"


class Busy(Unavailable):
    code = "busy"


class TooMuchToRead(Unavailable):
    code = "too_much_to_read"


class OutcomeUnknown(OrderServiceError):
    """``in_flight``: the request may still be carried out after this error."""

    code = "outcome_unknown"

    def __init__(self, message: str, *, in_flight: bool) -> None:
        super().__init__(message)
        self.in_flight = in_flight
