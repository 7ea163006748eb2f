"""Every error as application/problem+json (RFC 9457), by one table from error class to status."""

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from order_service.domain.errors import (
    AccessDenied,
    BrokerUnavailable,
    Busy,
    Conflict,
    CrossSite,
    DeadLetterNotFound,
    HoldCancelled,
    HoldConfirmed,
    HoldExpired,
    IllegalMove,
    InsufficientStock,
    InvalidValue,
    InventoryUnavailable,
    ItemNotFound,
    KeyInFlight,
    KeyReused,
    KeysUnavailable,
    MissingScope,
    NoSuchItem,
    NotHeld,
    OrderNotFound,
    OrderServiceError,
    OutcomeUnknown,
    PreconditionFailed,
    Rejected,
    ShortItem,
    StoreUnavailable,
    TooManyHolds,
    TooMuchToCompare,
    TooMuchToRead,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from order_service.interface.http.access import challenge
from order_service.interface.http.edge import request_id


class Row(NamedTuple):
    """``retry_after``: seconds until another try makes sense; None where no try makes sense, or
    where nobody knows."""

    status: int
    title: str
    retry_after: int | None = None


TABLE: dict[type[OrderServiceError], Row] = {
    InvalidValue: Row(400, "The request is not valid"),
    InsufficientStock: Row(400, "Not enough stock"),
    ItemNotFound: Row(400, "No such item"),
    TooMuchToCompare: Row(400, "Too much to compare"),
    Rejected: Row(400, "The request was turned down"),
    Unauthenticated: Row(401, "Unauthorized"),
    MissingScope: Row(403, "Not allowed"),
    CrossSite: Row(403, "Not allowed from another site"),
    AccessDenied: Row(403, "Not allowed"),
    OrderNotFound: Row(404, "No such order"),
    NoSuchItem: Row(404, "No such item"),
    DeadLetterNotFound: Row(404, "No such dead letter"),
    IllegalMove: Row(409, "The order's status does not allow this"),
    VersionConflict: Row(409, "The order was changed by somebody else"),
    KeyInFlight: Row(409, "The first request with this key is still being processed", 1),
    NotHeld: Row(409, "The order was never held"),
    HoldExpired: Row(409, "The hold has expired"),
    HoldCancelled: Row(409, "The held order was cancelled"),
    HoldConfirmed: Row(409, "The held order was confirmed"),
    Conflict: Row(409, "Conflict"),
    TooManyHolds: Row(429, "You hold too many orders"),
    PreconditionFailed: Row(412, "The order has changed"),
    KeyReused: Row(422, "This key was used with a different body"),
    InventoryUnavailable: Row(503, "The inventory is unavailable", 2),
    StoreUnavailable: Row(503, "The order store is unavailable", 2),
    BrokerUnavailable: Row(503, "Kafka is unavailable", 2),
    Busy: Row(503, "Another request is under way", 2),
    TooMuchToRead: Row(503, "There is too much to read for a request"),
    KeysUnavailable: Row(503, "Tokens can't be checked", 2),
    Unavailable: Row(503, "The service is unavailable", 2),
    OutcomeUnknown: Row(503, "The outcome is not known yet"),
    OrderServiceError: Row(500, "Internal error"),
}

# The one fact that an error's code needs: its name in JSON, and the error's attribute.
_FACTS: dict[type[OrderServiceError], tuple[str, str]] = {
    OrderNotFound: ("orderId", "order_id"),
    NoSuchItem: ("itemId", "item_id"),
    # Not "status", which is the HTTP status in a problem.
    IllegalMove: ("orderStatus", "order_status"),
    TooManyHolds: ("most", "most"),
    PreconditionFailed: ("version", "version"),
    MissingScope: ("scope", "scope"),
}

# Stable codes and titles, where HTTP's own phrases differ between versions of Python.
_PHRASES = {
    413: "Request Entity Too Large",
    414: "URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
    429: "Too many requests",
}

_log = structlog.get_logger()


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, answer_to)


def answer_to(error: Exception) -> Response:
    """The answer to any error but Flask's own errors, which ``of_http`` answers."""
    return known(error) if isinstance(error, OrderServiceError) else _unknown(error)


def body_of(error: OrderServiceError | HTTPException) -> dict[str, Any]:
    """The problem that shows the error, without the request's id."""
    if isinstance(error, OrderServiceError):
        row = entry(type(error))
        return _body(row.status, error.code, row.title, error.message, _members(error))
    status = error.code or 500
    phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
    code = re.sub(r"[^a-z0-9]+", "_", phrase.lower())
    return _body(status, code, phrase, error.description or phrase, {})


def defect_body() -> dict[str, Any]:
    """The problem for an error that nobody foresaw; it shows nothing of the error."""
    detail = "Something went wrong on our side."
    return _body(500, "internal_error", "Internal error", detail, {})


def entry(error: type[OrderServiceError]) -> Row:
    """The row of the nearest class in the table."""
    return next(TABLE[cls] for cls in error.__mro__ if cls in TABLE)


def _members(error: OrderServiceError) -> dict[str, Any]:
    """The facts that the error's code needs, by their names in JSON."""
    match error:
        case InvalidValue():
            return {"errors": [{"field": name, "reason": why} for name, why in error.problems]}
        case InsufficientStock() | ItemNotFound():
            return _short(error.short, error.lines)
        case TooMuchToCompare():
            return {"records": error.records, "most": error.most}
    return {
        shown: getattr(error, name)
        for kind, (shown, name) in _FACTS.items()
        if isinstance(error, kind)
    }


def _short(items: Sequence[ShortItem], lines: int) -> dict[str, Any]:
    """The item of an order of one line stands beside the list too, as clients from before there
    was a list know it."""
    listed = [
        {"itemId": each.item_id, "requested": each.requested, "available": each.available}
        for each in items
    ]
    beside = listed[0] if listed and lines == 1 else {}
    return {**beside, "items": listed}


def _body(
    status: int, code: str, title: str, detail: str, members: dict[str, Any]
) -> dict[str, Any]:
    """``message`` repeats the detail, for clients from before problem+json."""
    return {
        "type": f"urn:order-service:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "message": detail,
        **members,
    }


def _response(body: dict[str, Any]) -> Response:
    text = json.dumps({**body, "requestId": request_id()})
    return Response(text, body["status"], content_type="application/problem+json")


def known(error: OrderServiceError) -> Response:
    """The answer to an error of the table."""
    response = _response(body_of(error))
    retry_after = entry(type(error)).retry_after
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if isinstance(error, Unauthenticated | MissingScope):
        response.headers["WWW-Authenticate"] = challenge(error)
    if isinstance(error, Rejected) and error.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if response.status_code >= 500:
        # For the request's own line. The outage behind the error has lines of its own.
        structlog.contextvars.bind_contextvars(code=error.code, reason=error.message)
    return response


def of_http(error: HTTPException) -> Response:
    """The answer to HTTP's own errors: unknown routes, methods, content types, sizes, rates."""
    original = error.get_response()
    if not isinstance(original, Response) and error.code is None:
        return _unknown(error)
    response = _response(body_of(error))
    for name in ("Allow", "Retry-After", "Accept-Encoding"):
        if name in original.headers:
            response.headers[name] = original.headers[name]
    return response


def _unknown(error: Exception) -> Response:
    _log.error("defect", exc_info=error)
    return _response(defect_body())
