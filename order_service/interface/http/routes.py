"""Routes as data, from which the application is built.

@orders.post("/create", Scope.ORDERS_WRITE, "createOrder", {201: OrderAnswer}, ItemNotFound)
def create(header: CreateOrderHeaders, body: CreateOrderBody) -> Response:
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Final, get_type_hints

from flask import Response, request
from flask_openapi import Tag

from order_service.application.callers import Scope
from order_service.interface.http.access import View
from order_service.interface.http.answers import Answer
from order_service.interface.http.bodies import json_body
from order_service.interface.http.samples import Error
from order_service.interface.http.schemas import Schema, parameters_of

# The scope of a route that asks for no token.
NO_SCOPE: Final = None
_GUARDED: Final = "/api/"

Answers = Mapping[int, type[Answer] | None]
_Read = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """``view`` answers what ``method`` asks of ``path``, for callers whose token has ``scope``.

    ``operation``: the route's name in the document. ``answers``: the good answers by status.
    ``errors``: the errors that the view raises. Raises TypeError for a route under /api without a
    scope.
    """

    method: str
    path: str
    scope: Scope | None
    operation: str
    answers: Answers
    errors: tuple[Error, ...]
    view: View

    def __post_init__(self) -> None:
        if self.path.startswith(_GUARDED) and self.scope is NO_SCOPE:
            raise TypeError(f"{self.path} needs a scope")


class Routes:
    """Routes that stand together in the document, collected by ``get`` and ``post``.

    ``name`` goes before the views' names in ``url_for``, ``prefix`` before the routes' paths.
    """

    def __init__(self, name: str, prefix: str, tag: Tag) -> None:
        self.name = name
        self.tag = tag
        self.all: list[Route] = []
        self._prefix = prefix

    def get(
        self, path: str, scope: Scope | None, operation: str, answers: Answers, *errors: Error
    ) -> Callable[[View], View]:
        return partial(self._collect, "get", path, scope, operation, answers, errors)

    def post(
        self, path: str, scope: Scope | None, operation: str, answers: Answers, *errors: Error
    ) -> Callable[[View], View]:
        return partial(self._collect, "post", path, scope, operation, answers, errors)

    def _collect(
        self,
        method: str,
        path: str,
        scope: Scope | None,
        operation: str,
        answers: Answers,
        errors: tuple[Error, ...],
        view: View,
    ) -> View:
        route = Route(method, self._prefix + path, scope, operation, answers, errors, view)
        self.all.append(route)
        return view


def parsed(view: View) -> View:
    """Gives the view what its parameters ``path``, ``query``, ``header`` and ``body`` ask for.

    flask-openapi reads the same annotations, for the document. Its own parsing is switched off: the
    parsing makes a JSON schema for each request, and takes a body that is no JSON for an empty one.
    """
    models: dict[str, type[Schema]] = get_type_hints(view)
    readers = {name: _READERS[name](models[name]) for name in _READERS if name in models}

    @wraps(view)
    def read_and_view(**path: Any) -> Response:
        return view(**{name: read(path) for name, read in readers.items()})

    read_and_view.__delay_validate_request__ = True  # type: ignore[attr-defined]
    return read_and_view


def _path(model: type[Schema]) -> _Read:
    return model.parse


def _query(model: type[Schema]) -> _Read:
    return lambda _: model.parse(parameters_of(request))


def _header(model: type[Schema]) -> _Read:
    names = [field.alias or name for name, field in model.model_fields.items()]

    def read(_: Mapping[str, Any]) -> Schema:
        headers = request.headers
        return model.parse({name: headers[name] for name in names if name in headers})

    return read


def _body(model: type[Schema]) -> _Read:
    return lambda _: model.parse(json_body(request))


# In this order: the error for a bad body comes before the error for a bad header.
_READERS: Mapping[str, Callable[[type[Schema]], _Read]] = {
    "path": _path,
    "query": _query,
    "body": _body,
    "header": _header,
}
