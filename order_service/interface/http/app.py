"""The Flask application: the routes over the use cases, and the checks before the routes."""

from collections.abc import Sequence
from typing import Any
from wsgiref.types import WSGIApplication

from flask import Blueprint, Flask
from flask_openapi import OpenAPI

from order_service.application.callers import Authenticate
from order_service.interface.http import (
    access,
    cross_site,
    dead_letters,
    docs,
    health,
    histories,
    hygiene,
    index,
    items,
    openapi,
    order_changes,
    orders,
    problems,
    proxies,
    reconciliations,
    status,
    stock_changes,
    stuck_orders,
)
from order_service.interface.http.access import View
from order_service.interface.http.edge import Edge
from order_service.interface.http.limits import Limits
from order_service.interface.http.metrics import RequestMetrics
from order_service.interface.http.routes import Route, Routes, parsed
from order_service.interface.http.stopping import Stopping
from order_service.interface.http.use_cases import ApiUseCases
from order_service.settings import Settings

# Seconds, delay included: well within the graceful_timeout of gunicorn.conf.py.
_STOP_AT_MOST = 20.0


def create_app(
    use_cases: ApiUseCases,
    authenticate: Authenticate | None = None,
    settings: Settings | None = None,
    metrics: RequestMetrics | None = None,
    events: bytes = b"{}",
    console: Blueprint | None = None,
) -> Flask:
    """``authenticate``: None opens the API to everybody. ``events``: the AsyncAPI document.
    ``console``: the page for people, whose endpoint is ``console.page``."""
    settings = settings or Settings()
    stopping = Stopping(settings.stop_delay, _STOP_AT_MOST)
    routes = _routes(use_cases, stopping, has_console=console is not None)
    app = _empty_app(settings, stopping)
    limits = Limits(app, settings)

    def finished(route: Route) -> View:
        """Authenticate the caller, then count the request, then read the request."""
        view = limits.counted(parsed(route.view), route)
        return access.guarded(view, route.scope, authenticate)

    guarded = authenticate is not None
    content = openapi.register(app, routes, finished, guarded=guarded)
    document = openapi.document(content, routes, guarded=guarded)
    app.register_blueprint(docs.blueprint(document, events))
    if console is not None:
        app.register_blueprint(console)
    if metrics is not None and authenticate is None and not settings.metrics_port:
        app.add_url_rule("/metrics", "metrics", metrics.view)
    is_private = not (guarded or settings.auth_disabled)
    within = cross_site.guard(
        app.wsgi_app, frozenset(settings.cors_origins), only_as_loopback=is_private
    )
    wrapped: Any = _wrapped(within, settings, stopping, metrics)
    app.wsgi_app = wrapped  # type: ignore[method-assign]
    return app


def _routes(use_cases: ApiUseCases, stopping: Stopping, *, has_console: bool) -> Sequence[Routes]:
    """The routes, in the order in which the OpenAPI document shows them."""
    return (
        orders.routes(use_cases.create_order, use_cases.get_order, use_cases.list_orders),
        order_changes.routes(
            use_cases.extend_hold, use_cases.confirm_order, use_cases.cancel_order
        ),
        histories.routes(use_cases.read_history),
        stuck_orders.routes(use_cases.list_open_orders, use_cases.decide_order),
        stock_changes.routes(use_cases.list_stock_changes),
        status.routes(use_cases.read_status, use_cases.read_last_hour),
        items.routes(use_cases.get_item, use_cases.read_stock_series),
        reconciliations.routes(use_cases.reconcile_item),
        dead_letters.routes(
            use_cases.list_dead_letters,
            use_cases.get_dead_letter,
            use_cases.replay_dead_letters,
        ),
        health.routes(use_cases.check_readiness, stopping),
        index.routes(has_console=has_console),
    )


def _empty_app(settings: Settings, stopping: Stopping) -> OpenAPI:
    app = openapi.application("order_service")
    app.url_map.strict_slashes = False
    # Else Flask answers a doubled slash with a redirect to the host that the request names.
    app.url_map.merge_slashes = False
    app.url_map.converters["order"] = orders.OrderIdConverter
    # gunicorn.conf.py looks it up there.
    app.extensions["stopping"] = stopping
    hygiene.register(app, settings)
    problems.register(app)
    return app


def _wrapped(
    app: WSGIApplication,
    settings: Settings,
    stopping: Stopping,
    metrics: RequestMetrics | None,
) -> WSGIApplication:
    """A request passes the last of these wrappers first."""
    app = Edge(app, stopping, problems.answer_to, metrics.observe if metrics else None)
    if settings.trusted_proxies:
        app = proxies.believe(app, settings.trusted_proxies)
    if settings.script_name:
        app = proxies.mount(app, settings.script_name)
    if metrics is not None and settings.metrics_port:
        app = metrics.beside(app, settings.metrics_port)
    return app
