"""The plain read of an order, answered before Flask, whose part of a cached one takes four times as
much as all the rest.

Only where nobody is asked for a token, counted, or told which origins may call; and only without a
condition or a body. Whatever else there is to decide is Flask's. What is answered here reads as if
Flask had answered.
"""

import re
from collections.abc import Iterable
from typing import Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from order_service.application.use_cases import UseCases
from order_service.interface.http import problems
from order_service.interface.http.edge import name_route
from order_service.interface.http.order_bodies import OrderBodies, order_headers
from order_service.settings import Settings

_ORDER: Final = re.compile(r"/api/orders/([0-9a-f]{24})")
_ROUTE: Final = "/api/orders/<order_id>"


def may_skip_flask(settings: Settings, *, is_open: bool) -> bool:
    return is_open and not settings.rate_limit_of_reads and not settings.cors_origins


class PlainReads:
    def __init__(self, app: WSGIApplication, use_cases: UseCases, bodies: OrderBodies) -> None:
        self._app = app
        self._use_cases = use_cases
        self._bodies = bodies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = _ORDER.fullmatch(environ["PATH_INFO"])
        if not asked or not _is_plain(environ):
            return self._app(environ, start_response)
        name_route(environ, _ROUTE)
        try:
            order = self._use_cases.get_order(asked[1])
            body = self._bodies.of(order)
        except Exception as error:  # noqa: BLE001  (as Flask would, whatever it is)
            return problems.answer_to(error)(environ, start_response)
        length = ("Content-Length", str(len(body)))
        start_response("200 OK", [*order_headers(order), length])
        return [body]


def _is_plain(environ: WSGIEnvironment) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and "HTTP_IF_NONE_MATCH" not in environ
        and "CONTENT_LENGTH" not in environ
        and "HTTP_TRANSFER_ENCODING" not in environ
    )
