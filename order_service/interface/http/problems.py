"""Every error as application/problem+json (RFC 9457), by one table from error class to status."""

import json
import re
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from order_service.domain.errors import (
    AccessDenied,
    Conflict,
    IllegalMove,
    InsufficientStock,
    InvalidValue,
    InventoryUnavailable,
    ItemNotFound,
    KeyInFlight,
    KeyReused,
    KeysUnavailable,
    MissingScope,
    OrderNotFound,
    OrderServiceError,
    OutcomeUnknown,
    PreconditionFailed,
    Rejected,
    StoreUnavailable,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from order_service.interface.http.access import challenge
from order_service.interface.http.edge import request_id

TABLE: dict[type[OrderServiceError], tuple[int, str]] = {
    InvalidValue: (400, "The request is not valid"),
    InsufficientStock: (400, "Not enough stock"),
    ItemNotFound: (400, "No such item"),
    Rejected: (400, "The request was turned down"),
    Unauthenticated: (401, "Unauthorized"),
    MissingScope: (403, "Not allowed"),
    AccessDenied: (403, "Not allowed"),
    OrderNotFound: (404, "No such order"),
    IllegalMove: (409, "The order's status does not allow this"),
    VersionConflict: (409, "The order was changed by somebody else"),
    KeyInFlight: (409, "The first request with this key is still being processed"),
    Conflict: (409, "Conflict"),
    PreconditionFailed: (412, "The order has changed"),
    KeyReused: (422, "This key was used with a different body"),
    TooManyRequests: (429, "Too many requests"),
    InventoryUnavailable: (503, "The inventory is unavailable"),
    StoreUnavailable: (503, "The order store is unavailable"),
    KeysUnavailable: (503, "Tokens can't be checked"),
    Unavailable: (503, "The service is unavailable"),
    OutcomeUnknown: (503, "The outcome is not known yet"),
    OrderServiceError: (500, "Internal error"),
}

# Stable names and titles where HTTP's own phrases differ from one Python to the next.
_PHRASES = {
    413: "Request Entity Too Large",
    414: "URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}

_log = structlog.get_logger()


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, answer_to)


def answer_to(error: Exception) -> Response:
    """Flask's own errors aside: theirs is ``_http``."""
    return known(error) if isinstance(error, OrderServiceError) else _unknown(error)


def body_of(error: OrderServiceError | HTTPException) -> dict[str, Any]:
    """The problem that the error is shown as, but for the request's id."""
    if isinstance(error, OrderServiceError):
        status, title = entry(type(error))
        return _body(status, error.code, title, error.message, error.details)
    status = error.code or 500
    phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
    code = re.sub(r"[^a-z0-9]+", "_", phrase.lower())
    return _body(status, code, phrase, error.description or phrase, {})


def defect_body() -> dict[str, Any]:
    """What is shown of an error that nobody foresaw: nothing."""
    detail = "Something went wrong on our side."
    return _body(500, "internal_error", "Internal error", detail, {})


def entry(error: type[OrderServiceError]) -> tuple[int, str]:
    """Status and title, of the nearest class in the table."""
    return next(TABLE[cls] for cls in error.__mro__ if cls in TABLE)


def _body(
    status: int, code: str, title: str, detail: str, details: dict[str, Any]
) -> dict[str, Any]:
    """``message`` repeats the detail, for clients from before problem+json."""
    return {
        "type": f"urn:order-service:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "message": detail,
        **details,
    }


def _response(body: dict[str, Any]) -> Response:
    told = json.dumps({**body, "requestId": request_id()})
    return Response(told, body["status"], content_type="application/problem+json")


def known(error: OrderServiceError) -> Response:
    """The answer to an error of the table."""
    response = _response(body_of(error))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if isinstance(error, Unauthenticated | MissingScope):
        response.headers["WWW-Authenticate"] = challenge(error)
    if error.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if response.status_code >= 500:
        _log.warning("request_failed", code=error.code, error=repr(error.__cause__ or error))
    return response


def _http(error: HTTPException) -> Response:
    """Flask's own: unknown routes, methods, content types, sizes."""
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
