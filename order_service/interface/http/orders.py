"""/api/orders"""

from flask import Blueprint, Response, jsonify, request, url_for

from order_service.application.callers import Scope
from order_service.application.create_order import CreateOrderCommand
from order_service.application.use_cases import UseCases
from order_service.domain.order import IdempotencyKey, Order
from order_service.interface.http.access import caller, needs
from order_service.interface.http.order_lists import (
    OrderListParameters,
    link_to_next,
    parameters_of,
)
from order_service.interface.http.schemas import (
    CreateOrderBody,
    idempotency_key,
    json_body,
    order_json,
)


def blueprint(use_cases: UseCases) -> Blueprint:
    orders = Blueprint("orders", __name__, url_prefix="/api/orders")

    @orders.post("")
    @orders.post("/create")
    @needs(Scope.ORDERS_WRITE)
    def create() -> Response:
        """201; 202 while the outcome is not known; 400, 409, 413, 415, 422, 503."""
        body = CreateOrderBody.parse(json_body(request))
        key = idempotency_key(request)
        customer = caller()
        idempotency = IdempotencyKey(customer.key_owner, key, body.fingerprint()) if key else None
        result = use_cases.create_order(
            CreateOrderCommand(body.item_id, body.quantity, customer.subject, idempotency)
        )
        response = _show(result.order, 202 if result.deferred else 201)
        response.location = url_for("orders.get", order_id=result.order.id)
        if result.replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    @orders.get("")
    @needs(Scope.ORDERS_READ)
    def list_orders() -> Response:
        """200 with a page, newest first; 400."""
        given = parameters_of(request)
        wanted = OrderListParameters.parse(given)
        page = use_cases.list_orders(wanted.query(caller().sees_orders_of))
        cursor = wanted.next_cursor(page)
        shown = [order_json(order)["order"] for order in page.orders]
        response = jsonify({"orders": shown, "nextCursor": cursor})
        response.headers["Cache-Control"] = "private, no-cache"
        if cursor is not None:
            response.headers["Link"] = link_to_next(request.path, given, cursor)
        return response

    @orders.get("/<order_id>")
    @needs(Scope.ORDERS_READ)
    def get(order_id: str) -> Response:
        """200, or 304 on If-None-Match; 404."""
        response = _show(use_cases.get_order(order_id, caller().sees_orders_of), 200)
        response.make_conditional(request)
        return response

    @orders.post("/<order_id>/cancel")
    @needs(Scope.ORDERS_WRITE)
    def cancel(order_id: str) -> Response:
        """200; 202 while the stock is not given back yet; 404, 409, 412, 503."""
        result = use_cases.cancel_order(order_id, caller().sees_orders_of, _if_match())
        return _show(result.order, 202 if result.deferred else 200)

    return orders


def _show(order: Order, status: int) -> Response:
    response = jsonify(order_json(order))
    response.status_code = status
    response.set_etag(str(order.version))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _if_match() -> int | None:
    """The version that If-Match names; 0, which no stored order has, when it names another."""
    wanted = request.if_match
    if not wanted or wanted.star_tag:
        return None
    tags = [tag for tag in wanted.as_set() if tag.isdecimal()]
    return int(tags[0]) if len(tags) == 1 else 0
