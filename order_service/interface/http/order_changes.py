"""/api/orders/<id>/extend, /confirm and /cancel: what becomes of an order."""

from datetime import timedelta
from typing import Final

from flask import Response
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from order_service.application.callers import Scope
from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.extend import ExtendHold
from order_service.domain.errors import (
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InvalidValue,
    InventoryUnavailable,
    NotHeld,
    OrderNotFound,
    PreconditionFailed,
    StoreUnavailable,
    VersionConflict,
)
from order_service.interface.http.access import caller
from order_service.interface.http.answers import OrderAnswer
from order_service.interface.http.order_bodies import shown
from order_service.interface.http.orders import TAG
from order_service.interface.http.routes import Routes
from order_service.interface.http.samples import Error
from order_service.interface.http.schemas import ChangeOrderHeaders, ExtendHoldBody, OrderPath

_ALWAYS: Final[tuple[Error, ...]] = (
    OrderNotFound,
    IllegalMove,
    HoldExpired,
    VersionConflict,
    PreconditionFailed,
    StoreUnavailable,
)


def routes(
    extend_hold: ExtendHold, confirm_order: ConfirmOrder, cancel_order: CancelOrder
) -> Routes:
    changes = Routes("order_changes", "/api/orders", TAG)

    @changes.post(
        "/<order:order_id>/extend",
        Scope.ORDERS_WRITE,
        "extendHold",
        {200: OrderAnswer},
        InvalidValue,
        RequestEntityTooLarge,
        UnsupportedMediaType,
        NotHeld,
        HoldConfirmed,
        HoldCancelled,
        *_ALWAYS,
    )
    def extend(path: OrderPath, header: ChangeOrderHeaders, body: ExtendHoldBody) -> Response:
        """Hold an order for so many seconds from now on.

        The new `expiresAt` may be later than before or earlier. An order can be held for
        `MAX_HOLD_SECONDS`, a setting of the service, from its creation. Each repeat counts from its
        own time.
        """
        hold = timedelta(seconds=body.hold_seconds)
        return shown(extend_hold(header.asked(path.order_id, caller()), hold), 200)

    @changes.post(
        "/<order:order_id>/confirm",
        Scope.ORDERS_WRITE,
        "confirmOrder",
        {200: OrderAnswer},
        NotHeld,
        HoldCancelled,
        *_ALWAYS,
    )
    def confirm(path: OrderPath, header: ChangeOrderHeaders) -> Response:
        """Sell a held order. Safe to repeat.

        The inventory is not asked, so this works while the inventory is away. A hold that is over
        can still be confirmed until the service has recorded the expiry: after that the answer is
        409 `hold_expired`.
        """
        return shown(confirm_order(header.asked(path.order_id, caller())), 200)

    @changes.post(
        "/<order:order_id>/cancel",
        Scope.ORDERS_WRITE,
        "cancelOrder",
        {200: OrderAnswer, 202: OrderAnswer},
        HoldConfirmed,
        InventoryUnavailable,
        *_ALWAYS,
    )
    def cancel(path: OrderPath, header: ChangeOrderHeaders) -> Response:
        """Cancel an order, held or sold, and give its stock back. Safe to repeat.

        200: the order is CANCELLED. 202: the order will be, once its stock is back. 409
        `hold_confirmed`: somebody confirmed the held order at the same moment; cancel again to take
        the sale back.
        """
        result = cancel_order(header.asked(path.order_id, caller()))
        return shown(result.order, 202 if result.deferred else 200)

    return changes
