"""The API: what gunicorn runs."""

from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry

from order_service.bootstrap.shared import Wrap, build_adapters, build_use_cases
from order_service.infrastructure.dependencies import KeysDependency
from order_service.infrastructure.telemetry import logs
from order_service.infrastructure.telemetry.registry import gathered
from order_service.settings import Settings

if TYPE_CHECKING:
    from flask import Flask


def build_api(settings: Settings, wrap: Wrap = lambda adapters: adapters) -> "Flask":
    """The WSGI application. Call it after the fork: it makes the clients."""
    # Here, because gunicorn's own process is 15 MB smaller without them.
    from order_service.interface.http.app import create_app
    from order_service.interface.http.metrics import RequestMetrics

    logs.configure(settings.log_level)
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry, lambda: gathered(registry))
    adapters = wrap(build_adapters(settings, registry))
    if not settings.has_issuer:
        structlog.get_logger().warning("open_to_everybody", host=settings.host)
        use_cases = build_use_cases(settings, adapters)
        return create_app(use_cases, settings=settings, metrics=metrics)
    # And an API that asks for no tokens is 10 MB smaller without this.
    from order_service.infrastructure.auth import build as auth

    keys = auth.key_set(settings)
    use_cases = build_use_cases(settings, adapters, [KeysDependency(keys)])
    return create_app(use_cases, auth.token_verifier(settings, keys), settings, metrics)
