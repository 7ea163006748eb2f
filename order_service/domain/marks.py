"""What is noted on an order besides its lines: origin, key, failure, doubts, a person's word."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from order_service.domain.moves import Intent, Overwrite
from order_service.domain.status import OrderStatus


class FailureCode(StrEnum):
    INSUFFICIENT_STOCK = "insufficient_stock"
    ITEM_NOT_FOUND = "item_not_found"
    INVENTORY_UNAVAILABLE = "inventory_unavailable"
    ABANDONED = "abandoned"
    DECIDED = "decided"

    @property
    def forgets_key(self) -> bool:
        """Whether a retry with the same key starts afresh: nothing was deducted, and nothing about
        the request itself was wrong."""
        return self in (FailureCode.INVENTORY_UNAVAILABLE, FailureCode.ABANDONED)


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that asked for what is being done. ``request_id``: as the API answered it, in
    X-Request-Id. ``traceparent``: where the request stands in its caller's trace, as W3C's Trace
    Context has it (https://www.w3.org/TR/trace-context/); None where nobody traces."""

    request_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Shortage:
    """``available``: the units of the item that were left; None: there is no such item."""

    item_id: str
    available: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """``short``: the items for which the order was refused, as far as the inventory named them."""

    code: FailureCode
    short: tuple[Shortage, ...] = ()


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """``key`` is unique for a caller; ``fingerprint`` tells whether a repeat asks for the same."""

    caller: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why evidence can't decide the order. ``items``: the items whose moves are in doubt;
    ``intent``: the overwrites among which the doubtful ones are."""

    reason: str
    since: datetime
    items: tuple[str, ...]
    intent: Intent | None = None

    @property
    def overwrites_in_doubt(self) -> tuple[Overwrite, ...]:
        """Nobody knows whether these were made; empty where nothing is known of them at all."""
        overwrites = self.intent.overwrites if self.intent else ()
        return tuple(each for each in overwrites if each.item_id in self.items)


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on a stuck order, COMPLETED or FAILED; ``stuck``: why the order was stuck.
    ``by``: the person's name; None where an older release did not ask for it."""

    outcome: OrderStatus
    reason: str
    at: datetime
    stuck: Stuck | None = None
    by: str | None = None
