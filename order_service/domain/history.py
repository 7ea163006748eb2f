"""An order's history: an entry for each change of the order, made with the change itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from order_service.domain.status import OrderStatus


class Change(StrEnum):
    """What changed, in the order in which the changes of one moment happen. Where an event of the
    order tells of the change, both have the same name."""

    ORDER_PLACED = "ORDER_PLACED"
    ORDER_DEFERRED = "ORDER_DEFERRED"
    ORDER_PARTLY_MOVED = "ORDER_PARTLY_MOVED"
    ORDER_STUCK = "ORDER_STUCK"
    ORDER_DECIDED = "ORDER_DECIDED"
    ORDER_GIVEN_UP = "ORDER_GIVEN_UP"
    ORDER_RESERVED = "ORDER_RESERVED"
    ORDER_EXTENDED = "ORDER_EXTENDED"
    ORDER_CREATED = "ORDER_CREATED"
    ORDER_FAILED = "ORDER_FAILED"
    ORDER_CANCEL_REQUESTED = "ORDER_CANCEL_REQUESTED"
    ORDER_CANCEL_DROPPED = "ORDER_CANCEL_DROPPED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_EXPIRY_RECORDED = "ORDER_EXPIRY_RECORDED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    ORDER_BROUGHT_BACK = "ORDER_BROUGHT_BACK"


class ActorKind(StrEnum):
    CALLER = "caller"
    OPERATOR = "operator"
    SETTLEMENT = "settlement"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True)
class Actor:
    """``name``: a caller's subject, or the name that a person gave to ``orders settle``; None for
    a caller of an open service, and for the parts of the service itself. A subject may be any
    text, so the kind is told apart from the name."""

    kind: ActorKind
    name: str | None = None

    @classmethod
    def caller(cls, subject: str | None) -> Self:
        return cls(ActorKind.CALLER, subject)

    @property
    def shown_name(self) -> str | None:
        """The name; of a part of the service, what it is."""
        is_ours = self.kind in (ActorKind.SETTLEMENT, ActorKind.EXPIRY)
        return str(self.kind) if is_ours else self.name


SETTLEMENT: Final = Actor(ActorKind.SETTLEMENT)
EXPIRY: Final = Actor(ActorKind.EXPIRY)


@dataclass(frozen=True, slots=True)
class Entry:
    """``status`` and ``version``: the order's, after the change. ``by``: None where nobody knows.
    ``reason``: why the order failed, is stuck, or was decided; the events that brought it back.
    ``outcome``: a person's word. ``expires_at``: until when the order is held from now on.

    ``recorded``: False for an entry that is told by the order's fields alone, because a release
    that kept no history made the change, or because the entry is one of too many.
    """

    event: Change
    status: OrderStatus
    at: datetime
    by: Actor | None
    version: int | None
    reason: str | None = None
    outcome: OrderStatus | None = None
    expires_at: datetime | None = None
    recorded: bool = True
