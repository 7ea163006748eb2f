"""Every error the service raises on purpose, in one tree.

``code`` is the stable name that clients see; ``details`` is what the code needs beside it (JSON
names and values). The interface maps each class to a status in one table
(``interface/http/problems.py``); an error outside this tree is a defect and answers 500.

OrderServiceError
├── Rejected                 the request is understood and turned down
│   ├── InsufficientStock
│   ├── ItemNotFound
│   └── InvalidValue
├── OrderNotFound
├── Conflict                 the order or key is not in a state that allows it
│   ├── IllegalMove
│   ├── VersionConflict
│   ├── KeyInFlight
│   └── KeyReused
├── PreconditionFailed       the order is not the version that the caller named
├── AccessDenied
│   ├── Unauthenticated      nobody, or nobody we know
│   └── MissingScope         somebody who may not do this
├── TooManyRequests
├── Unavailable              a part is missing; nothing happened that would have to be undone
│   ├── InventoryUnavailable
│   ├── StoreUnavailable
│   ├── BrokerUnavailable
│   └── KeysUnavailable      the issuer's, that tokens are checked with
└── OutcomeUnknown           a request was sent and its outcome is not known yet
"""

from typing import Any, ClassVar


class OrderServiceError(Exception):
    """``replayed``: raised again for a repeated idempotency key."""

    code: ClassVar[str] = "error"
    replayed = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Rejected(OrderServiceError):
    code = "rejected"


class InsufficientStock(Rejected):
    code = "insufficient_stock"

    def __init__(self, item_id: str, requested: int, available: int) -> None:
        super().__init__(
            f"Only {available} of item {item_id} in stock, {requested} requested.",
            itemId=item_id,
            requested=requested,
            available=available,
        )


class ItemNotFound(Rejected):
    code = "item_not_found"

    def __init__(self, item_id: str) -> None:
        super().__init__(f"The inventory has no item {item_id}.", itemId=item_id)


class InvalidValue(Rejected):
    """A value that can't be used; ``field`` is its JSON or query name."""

    code = "invalid_request"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}", errors=[{"field": field, "reason": reason}])


class OrderNotFound(OrderServiceError):
    code = "order_not_found"

    def __init__(self, order_id: str) -> None:
        super().__init__("No such order.", orderId=order_id)


class Conflict(OrderServiceError):
    code = "conflict"


class IllegalMove(Conflict):
    """The order's status does not allow this move."""

    code = "illegal_move"

    def __init__(self, message: str, order_status: str) -> None:
        # Not "status": in a problem that is the status of HTTP.
        super().__init__(message, orderStatus=str(order_status))


class VersionConflict(Conflict):
    """Somebody else saved the order after it was loaded."""

    code = "version_conflict"


class KeyInFlight(Conflict):
    code = "key_in_flight"

    def __init__(self, retry_after: int) -> None:
        super().__init__("The first request with this Idempotency-Key is still being processed.")
        self.retry_after = retry_after


class KeyReused(Conflict):
    code = "key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with a different body.")


class PreconditionFailed(OrderServiceError):
    code = "precondition_failed"

    def __init__(self, version: int) -> None:
        super().__init__("The order has changed since you read it.", version=version)


class AccessDenied(OrderServiceError):
    code = "access_denied"


class Unauthenticated(AccessDenied):
    """``invalid_token``: a token was sent, and is not good."""

    code = "unauthenticated"

    def __init__(self, message: str, *, invalid_token: bool = True) -> None:
        super().__init__(message)
        self.invalid_token = invalid_token


class MissingScope(AccessDenied):
    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token lacks the scope {scope}.", scope=scope)
        self.scope = scope


class TooManyRequests(OrderServiceError):
    """``retry_after``: seconds."""

    code = "too_many_requests"

    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(f"No more than {limit}.")
        self.retry_after = retry_after


class Unavailable(OrderServiceError):
    code = "unavailable"
    retry_after: int = 2


class InventoryUnavailable(Unavailable):
    code = "inventory_unavailable"


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class BrokerUnavailable(Unavailable):
    code = "broker_unavailable"


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"


class OutcomeUnknown(OrderServiceError):
    """``in_flight``: the request may still be carried out after this was raised."""

    code = "outcome_unknown"

    def __init__(self, message: str, *, in_flight: bool) -> None:
        super().__init__(message)
        self.in_flight = in_flight
