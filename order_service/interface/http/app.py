"""The Flask application: blueprints over the use cases, and nothing else."""

import re
import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from order_service.application.callers import Authenticate
from order_service.application.use_cases import UseCases
from order_service.interface.http import (
    access,
    docs,
    health,
    openapi,
    orders,
    problems,
    stock_changes,
)
from order_service.interface.http.schemas import ApiJson

MAX_BODY = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

_log = structlog.get_logger()


def create_app(use_cases: UseCases, authenticate: Authenticate | None = None) -> Flask:
    """``authenticate``: None opens it to everybody."""
    app = openapi.application("order_service")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json = ApiJson(app)
    app.url_map.strict_slashes = False
    app.before_request(_begin)
    app.after_request(_end)
    problems.register(app)
    for part in (orders, stock_changes, health):
        app.register_api(part.blueprint(use_cases))
    access.guard(app, authenticate)
    app.register_blueprint(docs.blueprint(openapi.document(app, guarded=authenticate is not None)))
    return app


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    _log.info(
        "request",
        method=request.method,
        route=str(request.url_rule) if request.url_rule else None,
        status=response.status_code,
        ms=round((time.perf_counter() - g.began) * 1000, 1),
    )
    structlog.contextvars.clear_contextvars()
    return response
