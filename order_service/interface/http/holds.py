"""/api/orders/<id>/confirm and /extend: what becomes of a held order."""

from datetime import timedelta
from typing import Any

from flask import Response
from flask_openapi import Tag
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from order_service.application.callers import Scope
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.extend import ExtendHold
from order_service.domain.errors import (
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InvalidValue,
    NotHeld,
    OrderNotFound,
    PreconditionFailed,
    StoreUnavailable,
    VersionConflict,
)
from order_service.interface.http.access import caller
from order_service.interface.http.answers import OrderAnswer
from order_service.interface.http.order_bodies import shown
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import ChangeOrderHeaders, ExtendHoldBody, OrderPath

_ALWAYS: tuple[Any, ...] = (
    OrderNotFound,
    IllegalMove,
    NotHeld,
    HoldExpired,
    HoldCancelled,
    VersionConflict,
    PreconditionFailed,
    StoreUnavailable,
)
_TAG = Tag(name="Holds", description="Orders that are held until they are paid.")


def routes(confirm_order: ConfirmOrder, extend_hold: ExtendHold) -> Routes:
    holds = Routes("holds", "/api/orders", _TAG)

    @holds.post(
        "/<order:order_id>/confirm",
        Scope.ORDERS_WRITE,
        "confirmOrder",
        {200: OrderAnswer},
        *_ALWAYS,
    )
    def confirm(path: OrderPath, header: ChangeOrderHeaders) -> Response:
        """Sell a held order. Safe to repeat, and needs no inventory.

        A hold that is over can still be confirmed until its expiry is recorded.
        """
        return shown(confirm_order(header.asked(path.order_id, caller())), 200)

    @holds.post(
        "/<order:order_id>/extend",
        Scope.ORDERS_WRITE,
        "extendHold",
        {200: OrderAnswer},
        InvalidValue,
        RequestEntityTooLarge,
        UnsupportedMediaType,
        HoldConfirmed,
        *_ALWAYS,
    )
    def extend(path: OrderPath, header: ChangeOrderHeaders, body: ExtendHoldBody) -> Response:
        """Hold an order for so many seconds from now on."""
        hold = timedelta(seconds=body.hold_seconds)
        return shown(extend_hold(header.asked(path.order_id, caller()), hold), 200)

    return holds
