"""/api/orders/<id>/history"""

from typing import Annotated, Any, Self

from flask import Response
from pydantic import Field

from order_service.application.callers import Scope
from order_service.application.orders.history import (
    MoveEvidence,
    OrderHistory,
    ReadHistory,
    ToldEntry,
)
from order_service.domain.errors import OrderNotFound, StoreUnavailable
from order_service.domain.history import ActorKind, Change
from order_service.domain.marks import Shortage
from order_service.domain.status import OrderStatus
from order_service.interface.http.access import caller
from order_service.interface.http.answers import WHERE_GIVEN, Absent, Answer, Id, Time
from order_service.interface.http.orders import TAG
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import OrderPath
from order_service.interface.http.stock_changes import Source

_NOBODY_KNOWS = "unknown"


class ShownMove(Answer):
    item_id: Id
    previous_stock: int
    new_stock: int
    at: Time
    source: Annotated[Source | Absent, WHERE_GIVEN] = None
    """Where the stock-change log has the change; left out where the log does not have it."""

    @classmethod
    def of(cls, evidence: MoveEvidence) -> Self:
        return cls.model_construct(
            item_id=evidence.item_id,
            previous_stock=evidence.move.previous_stock,
            new_stock=evidence.move.new_stock,
            at=evidence.move.at,
            source=Source.of(evidence.place) if evidence.place else None,
        )


class ShownShort(Answer):
    item_id: Id
    available: int | None
    """Null: the inventory has no such item."""

    @classmethod
    def of(cls, short: Shortage) -> Self:
        return cls.model_construct(item_id=short.item_id, available=short.available)


class ShownEvidence(Answer):
    """Members that say nothing are left out."""

    stock: Annotated[list[ShownMove] | Absent, WHERE_GIVEN] = None
    """The changes of stock that brought the change of the order about. One change of stock may have
    served several orders, so it may be more than the order's quantity."""
    items: Annotated[list[ShownShort] | Absent, WHERE_GIVEN] = None
    """The items for which the order was refused, and what was left of them."""
    reason: Annotated[str | Absent, WHERE_GIVEN] = None
    """Why the order failed, is stuck, or was decided."""
    outcome: Annotated[OrderStatus | Absent, WHERE_GIVEN] = None
    """What a person said of a stuck order."""
    expires_at: Annotated[Time | Absent, WHERE_GIVEN] = None
    """Until when the order was held from then on."""

    @classmethod
    def of(cls, told: ToldEntry) -> Self:
        return cls.model_construct(
            stock=[ShownMove.of(each) for each in told.moves] or None,
            items=[ShownShort.of(each) for each in told.short] or None,
            reason=told.entry.reason,
            outcome=told.entry.outcome,
            expires_at=told.entry.expires_at,
        )


class ShownEntry(Answer):
    at: Time
    status: OrderStatus
    """The order's status after the change."""
    event: Change
    """PLACED: the order is stored. RESERVED: the stock is taken and held. CREATED: the order is
    sold. EXTENDED: the hold ends at another time. FAILED, CANCELLED, EXPIRED: as in `status`;
    CANCEL_REQUESTED, EXPIRY_RECORDED and GIVEN_UP come before these, and from then on the stock
    goes back. CANCEL_DROPPED: the order keeps its stock all the same. DEFERRED: the caller was
    answered 202. PARTLY_MOVED: some lines' stock is moved. STUCK: the service can't find out what
    became of the stock. DECIDED: a person said what did. BROUGHT_BACK: after a
    restore from a backup the order was brought to what its events tell."""
    actor: Annotated[str, Field(json_schema_extra={"enum": [*ActorKind, _NOBODY_KNOWS]})]
    """Who made the change: a caller of the API, an operator who settled a stuck order, or a part of
    the service: `settlement` finishes what was interrupted, and `expiry` ends holds."""
    by: str | None
    """The subject of a caller's token, an operator's name, `settlement` or `expiry`; null for a
    caller of an open service, and where nobody knows. A subject may be any text: `actor` tells them
    apart."""
    version: Annotated[int | Absent, WHERE_GIVEN] = None
    """The order's version after the change, as in ETag; left out where nobody knows."""
    recorded: bool
    """False: no entry was written with the change, or it was dropped as one of too many, and the
    order's fields alone tell of the change."""
    evidence: ShownEvidence

    @classmethod
    def of(cls, told: ToldEntry) -> Self:
        entry = told.entry
        return cls.model_construct(
            at=entry.at,
            status=entry.status,
            event=entry.event,
            actor=entry.by.kind if entry.by else _NOBODY_KNOWS,
            by=entry.by.shown_name if entry.by else None,
            version=entry.version,
            recorded=entry.recorded,
            evidence=ShownEvidence.of(told),
        )


class HistoryAnswer(Answer):
    headers = ("Cache-Control",)
    history: list[ShownEntry]
    """Oldest first."""

    @classmethod
    def of(cls, history: OrderHistory) -> Self:
        return cls.model_construct(history=[ShownEntry.of(each) for each in history.entries])


def routes(read_history: ReadHistory) -> Routes:
    histories = Routes("histories", "/api/orders", TAG)
    errors: tuple[Any, ...] = (OrderNotFound, StoreUnavailable)

    @histories.get(
        "/<order:order_id>/history",
        Scope.ORDERS_READ,
        "getOrderHistory",
        {200: HistoryAnswer},
        *errors,
    )
    def get(path: OrderPath) -> Response:
        """Read what happened to an order, who did it, and on what evidence.

        Every change of the order has an entry, oldest first. Of an order with very many changes the
        newest 200 are kept.
        """
        history = read_history(path.order_id, caller().sees_orders_of)
        response = HistoryAnswer.of(history).response()
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    return histories
