"""The OpenAPI document: what flask-openapi gathers from the routes, and what all routes share."""

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from flask_openapi import APIBlueprint, Info, License, OpenAPI, SecurityScheme
from werkzeug.exceptions import TooManyRequests

from order_service.application.callers import Scope
from order_service.domain import errors
from order_service.interface.http.access import View
from order_service.interface.http.answers import Answer, Problem
from order_service.interface.http.routes import Route, Routes
from order_service.interface.http.samples import ANSWERS, BODIES, Error, problem_responses

_BEARER = "bearer"
_ABOUT = """Takes orders for the items of an inventory. No acknowledged order is lost, doubled,
oversold or half filled. Send an `Idempotency-Key` with each create, and repeat the request with the
same key until it is answered. Every error is a problem document (RFC 9457) with a stable `code`."""

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-Id": ("The request's id, in every log line too.", {"type": "string"}),
    "Location": ("The path of the order, or of the page for people.", {"type": "string"}),
    "ETag": (
        "The order's version, for If-None-Match and If-Match. A replayed answer that the order has "
        'left behind has "0", which is no order\'s.',
        {"type": "string"},
    ),
    "Cache-Control": ("Only the caller may keep the answer.", {"type": "string"}),
    "Link": ('The next page, rel="next"; not on the last page.', {"type": "string"}),
    "Idempotent-Replayed": (
        "The answer repeats an earlier one with the same key.",
        {"type": "string", "enum": ["true"]},
    ),
    "Retry-After": (
        "Seconds to wait before the next try, where the service can tell.",
        {"type": "string", "pattern": "^\\d+$"},
    ),
    "RateLimit-Limit": ("Requests in a window.", {"type": "string", "pattern": "^\\d+$"}),
    "RateLimit-Remaining": (
        "Requests left in the window.",
        {"type": "string", "pattern": "^\\d+$"},
    ),
    "RateLimit-Reset": (
        "Seconds until the next window.",
        {"type": "string", "pattern": "^\\d+$"},
    ),
    "WWW-Authenticate": ("The token that the route asks for (RFC 6750).", {"type": "string"}),
}
_HEADERS_OF_PROBLEMS = {
    "401": ("WWW-Authenticate",),
    "409": ("Retry-After",),
    "429": ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    "503": ("Retry-After",),
}
_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "Your id, to find the request again: letters, digits, dots, - and _, up to 128. "
    "A request without such an id is given one.",
    "schema": {"type": "string"},
}


def application(name: str) -> OpenAPI:
    """A Flask application that gathers what its routes say, without flask-openapi's own pages."""
    scheme = SecurityScheme(
        type="http",
        scheme="bearer",
        bearerFormat="JWT",
        description="A token of the configured issuer. Scopes: " + ", ".join(Scope),
    )
    app = OpenAPI(
        name,
        info=Info(
            title="Order Service",
            version=version("order-service"),
            description=_ABOUT,
            license=License(name="MIT", identifier="MIT"),
        ),
        security_schemes={_BEARER: scheme},
        validation_error_model=Problem,
        # Every route documents 500 itself, so flask-openapi adds nothing.
        validation_error_status=500,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    return app


def register(
    app: OpenAPI, groups: Sequence[Routes], finished: Callable[[Route], View], *, guarded: bool
) -> dict[str, Any]:
    """Returns what flask-openapi makes of the routes, for ``document``.

    ``finished``: returns a route's view, with all checks before the view. ``guarded``: the API asks
    for tokens.
    """
    for group in groups:
        blueprint = APIBlueprint(group.name, __name__, abp_tags=[group.tag])
        # A view under two paths is one endpoint, whose requests are counted once.
        views: dict[tuple[View, Scope | None], View] = {}
        for route in group.all:
            key = route.view, route.scope
            if key not in views:
                views[key] = finished(route)
            says = blueprint.get if route.method == "get" else blueprint.post
            responses = _responses(route, guarded)
            says(route.path, operation_id=route.operation, responses=responses)(views[key])
        app.register_api(blueprint)
    return app.api_doc


def _responses(route: Route, guarded: bool) -> dict[Any, Any]:
    problems = problem_responses([*route.errors, *_errors_before_the_view(route, guarded)])
    return dict(sorted({**route.answers, **problems}.items()))


def _errors_before_the_view(route: Route, guarded: bool) -> tuple[Error, ...]:
    pages = () if route.method == "get" else (errors.CrossSite,)
    if route.scope is None:
        return pages
    tokens = (errors.Unauthenticated, errors.MissingScope) if guarded else ()
    return (TooManyRequests, *tokens, *pages)


def document(content: dict[str, Any], groups: Sequence[Routes], *, guarded: bool) -> bytes:
    """``content``: what ``register`` returned. ``guarded``: as it was for ``register``."""
    content["components"]["headers"] = {
        name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()
    }
    content["components"]["parameters"] = {"RequestId": _REQUEST_ID}
    for schema in content["components"]["schemas"].values():
        _drop_titles(schema)
    if not guarded:
        # An API that asks nobody for a token must not seem to.
        del content["components"]["securitySchemes"]
    scopes = {route.operation: route.scope for group in groups for route in group.all}
    for item in content["paths"].values():
        for operation in item.values():
            scope = scopes[operation["operationId"]]
            if guarded and scope is not None:
                operation["security"] = [{_BEARER: [str(scope)]}]
            _finish(operation)
    return json.dumps(content).encode()


def _finish(operation: dict[str, Any]) -> None:
    operation.pop("deprecated", None)
    if "description" in operation:
        operation["description"] = operation["description"].replace("<br/>", " ").strip()
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _without_null(parameter["schema"])
    parameters.append({"$ref": "#/components/parameters/RequestId"})
    if "requestBody" in operation:
        media = operation["requestBody"]["content"]["application/json"]
        media["examples"] = BODIES[_name_of_schema(media)]
    for status, response in operation["responses"].items():
        names = ["X-Request-Id", *_names_of_headers(status, response)]
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(names)
        }
        _add_samples(response.get("content", {}))


def _add_samples(content: dict[str, Any]) -> None:
    media = content.get("application/json")
    if media and (samples := ANSWERS.get(_name_of_schema(media))):
        media["examples"] = samples


def _names_of_headers(status: str, response: dict[str, Any]) -> tuple[str, ...]:
    content = response.get("content", {})
    if problem := content.get("application/problem+json"):
        is_about_tokens = errors.MissingScope.code in problem["examples"]
        challenge = ("WWW-Authenticate",) if is_about_tokens else ()
        return (*_HEADERS_OF_PROBLEMS.get(status, ()), *challenge)
    if status == "303":
        return ("Location",)
    if status == "304":
        return ("ETag", "Cache-Control")
    shown = _name_of_schema(content["application/json"])
    return next(model.headers for model in _answers(Answer) if model.__name__ == shown)


def _name_of_schema(media: dict[str, Any]) -> str:
    return str(media["schema"]["$ref"].rpartition("/")[2])


def _answers(model: type[Answer]) -> Iterator[type[Answer]]:
    for each in model.__subclasses__():
        yield each
        yield from _answers(each)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    _drop_titles(schema)
    choices = [each for each in schema.pop("anyOf", []) if each.get("type") != "null"]
    return {**schema, **choices[0]} if choices else schema


def _drop_titles(schema: Any) -> None:
    """Pydantic repeats each name as a title."""
    for nested in schema.get("properties", {}).values():
        nested.pop("title", None)
    schema.pop("title", None)
