"""Which callers may call which routes."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, g, request

from order_service.application.callers import ANYBODY, Authenticate, Caller, Scope
from order_service.domain.errors import MissingScope, Unauthenticated

View = Callable[..., Response]


def caller() -> Caller:
    """Who sent the request that is being served."""
    return g.caller  # type: ignore[no-any-return]


def guarded(view: View, scope: Scope | None, authenticate: Authenticate | None) -> View:
    """The view, for callers whose token has ``scope``; a ``scope`` of None asks for no token.

    ``authenticate``: None opens the view to everybody. Raises Unauthenticated, MissingScope,
    KeysUnavailable.
    """
    if scope is None:
        return view

    @wraps(view)
    def check_and_view(**path: Any) -> Response:
        g.caller = _let_in(scope, authenticate)
        return view(**path)

    return check_and_view


def _let_in(scope: Scope, authenticate: Authenticate | None) -> Caller:
    if authenticate is None:
        return ANYBODY
    somebody = authenticate(_token())
    if not somebody.may(scope):
        raise MissingScope(scope)
    return somebody


def _token() -> str:
    header = request.headers.get("Authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated("Send a token: Authorization: Bearer …", invalid_token=False)
    return token.strip()


def challenge(error: Unauthenticated | MissingScope) -> str:
    """The WWW-Authenticate header (RFC 6750, section 3). A request without a token gets no error
    in it."""
    shown = 'Bearer realm="order-service"'
    if isinstance(error, MissingScope):
        return f'{shown}, error="insufficient_scope", scope="{error.scope}"'
    if error.invalid_token:
        # Header values are ASCII, and the message is the service's own.
        return f'{shown}, error="invalid_token", error_description="{error.message}"'
    return shown
