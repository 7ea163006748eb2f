"""The Flask application: blueprints over the use cases, and nothing else."""

from flask import Flask

from order_service.application.callers import Authenticate
from order_service.application.use_cases import UseCases
from order_service.interface.http import (
    access,
    docs,
    health,
    hygiene,
    index,
    limits,
    openapi,
    orders,
    problems,
    stock_changes,
)
from order_service.interface.http.edge import Edge
from order_service.interface.http.metrics import RequestMetrics
from order_service.interface.http.stopping import Stopping
from order_service.settings import Settings

# With the delay, well within the 30 s that gunicorn waits for its workers.
_STOP_AT_MOST = 20.0


def create_app(
    use_cases: UseCases,
    authenticate: Authenticate | None = None,
    settings: Settings | None = None,
    metrics: RequestMetrics | None = None,
) -> Flask:
    """``authenticate``: None opens it to everybody."""
    settings = settings or Settings()
    app = openapi.application("order_service")
    app.url_map.strict_slashes = False
    # Else a doubled slash is answered with a redirect, to the host that the request names.
    app.url_map.merge_slashes = False
    # By the name of the one that rules use where they name none: so routes read as they are.
    app.url_map.converters["default"] = orders.OrderIdConverter
    stopping = Stopping(settings.stop_delay, _STOP_AT_MOST)
    # gunicorn.conf.py finds it there.
    app.extensions["stopping"] = stopping
    app.wsgi_app = Edge(  # type: ignore[method-assign]
        app.wsgi_app, stopping, problems.answer_to, metrics.observe if metrics else None
    )
    hygiene.register(app, settings)
    problems.register(app)
    for part in (
        orders.blueprint(use_cases),
        stock_changes.blueprint(use_cases),
        health.blueprint(use_cases, stopping),
        index.blueprint(),
    ):
        app.register_api(part)
    access.guard(app, authenticate)
    limits.register(app, settings)
    app.register_blueprint(docs.blueprint(openapi.document(app, guarded=authenticate is not None)))
    if metrics is not None:
        metrics.register(app, settings.metrics_port, open_to_everybody=authenticate is None)
    return app
