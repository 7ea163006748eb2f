"""Who may call what. A route under /api names its scope; one that names none stops the start."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, g, request

from order_service.application.callers import ANYBODY, Authenticate, Caller, Scope
from order_service.domain.errors import MissingScope, Unauthenticated

_GUARDED = "/api/"
_View = TypeVar("_View", bound=Callable[..., Any])


def needs(scope: Scope) -> Callable[[_View], _View]:
    """Goes under the route's decorator."""

    def mark(view: _View) -> _View:
        view.needed_scope = scope  # type: ignore[attr-defined]
        return view

    return mark


def caller() -> Caller:
    """Who sent the request that is being served."""
    return g.caller  # type: ignore[no-any-return]


def guard(app: Flask, authenticate: Authenticate | None) -> None:
    """Call it when every route is there. None: the service is open to everybody."""
    scopes = scope_of_endpoints(app)

    def check() -> None:
        g.caller = ANYBODY
        if authenticate is None or request.method == "OPTIONS":
            return
        scope = scopes.get(request.endpoint or "")
        if scope is None:
            return
        g.caller = authenticate(_token())
        if not g.caller.may(scope):
            raise MissingScope(scope)

    app.before_request(check)


def scope_of_endpoints(app: Flask) -> dict[str, Scope]:
    """Raises TypeError for a route under /api that does not say whom it is for."""
    scopes = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(_GUARDED):
            scope = getattr(app.view_functions[rule.endpoint], "needed_scope", None)
            if scope is None:
                raise TypeError(f"{rule.rule} needs @needs(a scope)")
            scopes[rule.endpoint] = scope
    return scopes


def _token() -> str:
    header = request.headers.get("Authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated("Send a token: Authorization: Bearer …", invalid_token=False)
    return token.strip()


def challenge(error: Unauthenticated | MissingScope) -> str:
    """The WWW-Authenticate header (RFC 6750, section 3). No error for a request without a token."""
    shown = 'Bearer realm="order-service"'
    if isinstance(error, MissingScope):
        return f'{shown}, error="insufficient_scope", scope="{error.scope}"'
    if error.invalid_token:
        # Header values are ASCII, and the messages are ours alone.
        return f'{shown}, error="invalid_token", error_description="{error.message}"'
    return shown
