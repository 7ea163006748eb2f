"""What a route takes and answers, said once: it parses the request, and makes the document.

@orders.post("/create", **says("createOrder", {201: OrderAnswer}, ItemNotFound))
@needs(Scope.ORDERS_WRITE)
@parsed
def create(header: CreateOrderHeaders, body: CreateOrderBody) -> Response:
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, get_type_hints

from flask import Response, request

from order_service.interface.http.answers import Answer
from order_service.interface.http.bodies import json_body
from order_service.interface.http.samples import Error, problem_responses
from order_service.interface.http.schemas import Schema, parameters_of

_Read = Callable[[Mapping[str, Any]], Any]


def parsed(view: Callable[..., Response]) -> Callable[..., Response]:
    """Gives the view what its parameters ``path``, ``query``, ``header`` and ``body`` ask for.

    flask-openapi reads the same annotations, for the document. Its own parsing is switched off: it
    makes a JSON schema for each request, and takes what is no JSON for an empty body.
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


# In this order: a bad body is told of before a bad header.
_READERS: Mapping[str, Callable[[type[Schema]], _Read]] = {
    "path": _path,
    "query": _query,
    "body": _body,
    "header": _header,
}


def says(operation: str, good: Mapping[int, type[Answer] | None], *errors: Error) -> dict[str, Any]:
    """For a route's decorator: its name, its answers by status, and the errors that it raises."""
    responses = {**good, **problem_responses(errors)}
    return {"operation_id": operation, "responses": dict(sorted(responses.items()))}
