"""/api/orders"""

from flask import Response, request, url_for
from flask_openapi import Tag
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.routing import BaseConverter

from order_service.application.callers import Scope
from order_service.application.orders.create import CreateOrder
from order_service.application.orders.get import GetOrder
from order_service.application.orders.list import ListOrders
from order_service.domain.errors import (
    InsufficientStock,
    InvalidValue,
    InventoryUnavailable,
    ItemNotFound,
    KeyInFlight,
    KeyReused,
    OrderNotFound,
    StoreUnavailable,
    TooManyHolds,
)
from order_service.interface.http.access import caller
from order_service.interface.http.answers import (
    CreatedAnswer,
    OrderAnswer,
    OrdersAnswer,
    ShownOrder,
)
from order_service.interface.http.new_orders import CreateOrderBody
from order_service.interface.http.order_bodies import OrderBodies, answer, shown
from order_service.interface.http.order_lists import OrderListParameters, link_to_next
from order_service.interface.http.routes import Routes
from order_service.interface.http.schemas import (
    CreateOrderHeaders,
    OrderPath,
    ReadOrderHeaders,
)

_CREATED = {201: CreatedAnswer, 202: CreatedAnswer}
_NOT_CREATED = (
    InvalidValue,
    InsufficientStock,
    ItemNotFound,
    KeyInFlight,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    KeyReused,
    TooManyHolds,
    InventoryUnavailable,
    StoreUnavailable,
)
TAG = Tag(
    name="Orders",
    description="Create, read and list orders, hold them until they are paid, cancel them, and "
    "read what happened to them.",
)


class OrderIdConverter(BaseConverter):
    """``<order:…>`` in a path: any name but ``create``, or the Allow header of the route /create
    would promise a GET."""

    regex = "(?!create$)[^/]+"
    part_isolating = True


def routes(
    create_order: CreateOrder,
    get_order: GetOrder,
    list_orders: ListOrders,
) -> Routes:
    bodies = OrderBodies()
    orders = Routes("orders", "/api/orders", TAG)

    @orders.post("", Scope.ORDERS_WRITE, "createOrder", _CREATED, *_NOT_CREATED)
    @orders.post("/create", Scope.ORDERS_WRITE, "createOrderAtCreate", _CREATED, *_NOT_CREATED)
    def create(header: CreateOrderHeaders, body: CreateOrderBody) -> Response:
        """Create an order of one item or of several: all of its stock is taken, or none.

        201: the stock has been deducted, and with `holdSeconds` the order is RESERVED. 202: the
        order is PENDING, because the inventory has not answered yet; read the order again in a
        while. 503: nothing was deducted, try again.
        """
        result = create_order(body.command(caller(), header.idempotency_key))
        response = shown(result.order, 202 if result.deferred else 201)
        response.location = url_for("orders.get", order_id=result.order.id)
        if result.replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    @orders.get(
        "", Scope.ORDERS_READ, "listOrders", {200: OrdersAnswer}, InvalidValue, StoreUnavailable
    )
    def list_page(query: OrderListParameters) -> Response:
        """List your orders, newest first."""
        page = list_orders(query.query(caller().sees_orders_of))
        cursor = query.next_cursor(page)
        listed = [ShownOrder.of(order) for order in page.orders]
        response = OrdersAnswer.model_construct(orders=listed, next_cursor=cursor).response()
        response.headers["Cache-Control"] = "private, no-cache"
        if cursor is not None:
            response.headers["Link"] = link_to_next(
                url_for("orders.list_page"), request.args, cursor
            )
        return response

    @orders.get(
        "/<order:order_id>",
        Scope.ORDERS_READ,
        "getOrder",
        {200: OrderAnswer, 304: None},
        OrderNotFound,
        StoreUnavailable,
    )
    def get(path: OrderPath, header: ReadOrderHeaders) -> Response:
        """Read an order."""
        order = get_order(path.order_id, caller().sees_orders_of)
        response = answer(order, bodies.of(order), 200)
        # Without a condition the call would only cost a tenth of a cached order's time.
        if header.if_none_match:
            response.make_conditional(request)
        return response

    return orders
