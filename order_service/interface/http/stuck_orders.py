"""/api/stuck-orders, /api/orders/<id>/settle: orders that wait for evidence, or for a person."""

from typing import Annotated, Final, Literal, Self

from flask import Response
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from order_service.application.callers import Scope
from order_service.application.orders.decide import DecidedOrder, DecideOrder, DecideOrderCommand
from order_service.application.orders.list_open import ListOpenOrders
from order_service.domain.errors import (
    IllegalMove,
    InvalidValue,
    OrderNotFound,
    PreconditionFailed,
    StoreUnavailable,
    VersionConflict,
)
from order_service.interface.http.access import caller
from order_service.interface.http.answers import Id, OrderAnswer, ShownOrder
from order_service.interface.http.list_parameters import PageSize
from order_service.interface.http.order_bodies import answer
from order_service.interface.http.orders import TAG
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import ChangeOrderHeaders, OrderPath, Schema
from order_service.interface.http.shown_stuck_orders import OUTCOMES, StuckOrdersAnswer

# Who settles an order of an open service, which knows nobody.
_ANYBODY: Final = "anybody"


class StuckOrdersParameters(Schema):
    limit: PageSize = 50
    """At most so many of each kind."""


class SettleOrderBody(Schema):
    outcome: Literal["completed", "failed"]
    """completed: the inventory made every change in doubt. failed: it made none of them."""
    reason: Annotated[str, Field(strict=True, min_length=1, max_length=500)]
    """How you know. The order's history keeps the reason, and its customer can read it."""


class SettledAnswer(OrderAnswer):
    alike: list[Id]
    """Other orders that are stuck for the same overwrite of the stock: settle them the same way."""

    @classmethod
    def about(cls, decided: DecidedOrder) -> Self:
        return cls.model_construct(order=ShownOrder.of(decided.order), alike=decided.alike)


def routes(list_open: ListOpenOrders, decide: DecideOrder) -> Routes:
    stuck_orders = Routes("stuck_orders", "/api", TAG)

    @stuck_orders.get(
        "/stuck-orders",
        Scope.ORDERS_ADMIN,
        "listStuckOrders",
        {200: StuckOrdersAnswer},
        InvalidValue,
        StoreUnavailable,
    )
    def list_stuck(query: StuckOrdersParameters) -> Response:
        """List the orders that wait too long, why they wait, and what would decide each."""
        return StuckOrdersAnswer.of(list_open(query.limit)).response()

    @stuck_orders.post(
        "/orders/<order:order_id>/settle",
        Scope.ORDERS_ADMIN,
        "settleOrder",
        {200: SettledAnswer},
        InvalidValue,
        RequestEntityTooLarge,
        UnsupportedMediaType,
        OrderNotFound,
        IllegalMove,
        VersionConflict,
        PreconditionFailed,
        StoreUnavailable,
    )
    def settle(path: OrderPath, header: ChangeOrderHeaders, body: SettleOrderBody) -> Response:
        """Settle a stuck order by your word on what the inventory did.

        Your word is about the changes in doubt, and about all of them alike: where the inventory
        made some of them, correct the stock of these items first. The request itself moves no
        stock. What the order becomes, `byWord` of the list says.
        """
        by = caller().subject or _ANYBODY
        outcome = OUTCOMES[body.outcome]
        command = DecideOrderCommand(path.order_id, outcome, body.reason, by, header.version)
        decided = decide(command)
        return answer(decided.order, SettledAnswer.about(decided).body(), 200)

    return stuck_orders
