"""Build the API, which gunicorn runs."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from flask import Flask
from prometheus_client import CollectorRegistry

from order_service.application.items.get import GetItem
from order_service.application.orders.cancel import CancelOrder
from order_service.application.orders.confirm import ConfirmOrder
from order_service.application.orders.create import CreateOrder, HoldLimits
from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.extend import ExtendHold
from order_service.application.orders.get import GetOrder
from order_service.application.orders.history import ReadHistory
from order_service.application.orders.list import ListOrders
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.overview.read_last_hour import ReadLastHour
from order_service.application.overview.read_status import ReadStatus
from order_service.application.readiness import CheckReadiness, Dependency
from order_service.application.stock_log.get_dead_letter import GetDeadLetter
from order_service.application.stock_log.list import ListStockChanges
from order_service.application.stock_log.list_dead_letters import ListDeadLetters
from order_service.application.stock_log.replay_chosen import ReplayChosenLetters
from order_service.application.stock_log.series import ReadStockSeries
from order_service.bootstrap.adapters import (
    Adapters,
    Wrap,
    build_adapters,
    reconciliation,
    sampler,
    stock_mover,
)
from order_service.bootstrap.brief_boxes import BriefBoxes
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.auth import build as auth
from order_service.infrastructure.dependencies import KeysDependency, log_unforeseen
from order_service.infrastructure.kafka import asyncapi
from order_service.infrastructure.mongo.connection import Database, all_within
from order_service.infrastructure.telemetry.correlation import LogCorrelation
from order_service.infrastructure.telemetry.registry import gathered
from order_service.interface.console import pages
from order_service.interface.http.app import create_app
from order_service.interface.http.metrics import RequestMetrics
from order_service.interface.http.use_cases import ApiUseCases
from order_service.reconciliation.of_an_item import ReconcileItem
from order_service.settings import Settings

# Seconds.
_READY_TIMEOUT: Final = 2.0
# How long a change may take to reach the log: the command's own default.
_GRACE: Final = timedelta(seconds=60)


def build_api(
    settings: Settings,
    database: Database,
    shared: Shared,
    wrap: Wrap = lambda adapters: adapters,
    correlation: LogCorrelation | None = None,
) -> Flask:
    """The WSGI application. Call it after the fork: it makes the clients."""
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry, lambda: gathered(registry, shared.places))
    correlation = correlation or LogCorrelation()
    adapters = wrap(build_adapters(settings, database, shared, registry, correlation))
    app = _guarded_app(settings, adapters, metrics)
    # gunicorn.conf.py looks it up there, and starts and ends it with the process.
    app.extensions["sampler"] = sampler(adapters, registry)
    serving: Any = correlation.serving(app.wsgi_app)
    app.wsgi_app = serving  # type: ignore[method-assign]
    return app


def _guarded_app(settings: Settings, adapters: Adapters, metrics: RequestMetrics) -> Flask:
    events = asyncapi.served(settings)
    console = pages.blueprint(settings) if settings.has_console else None
    if not settings.has_issuer:
        use_cases = build_use_cases(settings, adapters)
        return create_app(use_cases, None, settings, metrics, events, console)
    keys = auth.key_set(settings)
    use_cases = build_use_cases(settings, adapters, [KeysDependency(keys)])
    verify = auth.token_verifier(settings, keys)
    return create_app(use_cases, verify, settings, metrics, events, console)


def build_use_cases(
    settings: Settings, adapters: Adapters, more_dependencies: Sequence[Dependency] = ()
) -> ApiUseCases:
    """The use cases that the API's routes call."""
    stock = stock_mover(settings, adapters)
    orders, clock, correlation = adapters.orders, adapters.clock, adapters.correlation
    boxes, log = BriefBoxes(settings), adapters.changes
    # The rest of the deadline is for the last write.
    move_budget = settings.request_deadline - settings.store_timeout
    key_lifetime = timedelta(hours=settings.idempotency_key_hours)
    dependencies = [adapters.store, adapters.inventory, *more_dependencies]
    check_readiness = CheckReadiness(dependencies, _READY_TIMEOUT, log_unforeseen)
    holds = HoldLimits(settings.max_hold_seconds, settings.max_holds_per_caller)
    return ApiUseCases(
        create_order=CreateOrder(
            orders,
            stock,
            clock,
            move_budget,
            key_lifetime,
            holds,
            settings.currency,
            correlation,
        ),
        get_order=GetOrder(adapters.reader, correlation),
        confirm_order=ConfirmOrder(orders, clock, correlation),
        extend_hold=ExtendHold(
            orders, clock, timedelta(seconds=settings.max_hold_seconds), correlation
        ),
        cancel_order=CancelOrder(orders, stock, clock, move_budget, correlation),
        read_history=ReadHistory(orders, adapters.logged_moves, correlation),
        list_orders=ListOrders(adapters.pages),
        check_readiness=check_readiness,
        read_status=ReadStatus(
            check_readiness,
            adapters.workers,
            adapters.read_backlog,
            clock,
            _READY_TIMEOUT,
            log_unforeseen,
        ),
        read_last_hour=ReadLastHour(adapters.samples, clock),
        get_item=GetItem(adapters.items),
        read_stock_series=ReadStockSeries(adapters.stock_series, clock),
        reconcile_item=ReconcileItem(
            partial(reconciliation, settings, adapters, _GRACE),
            partial(all_within, settings.request_deadline),
            clock,
        ),
        list_open_orders=ListOpenOrders(orders, clock, timedelta(seconds=settings.settle_after)),
        decide_order=DecideOrder(orders, clock, correlation),
        list_stock_changes=ListStockChanges(log),
        list_dead_letters=ListDeadLetters(boxes, log),
        get_dead_letter=GetDeadLetter(boxes, log),
        replay_dead_letters=ReplayChosenLetters(boxes, log),
    )
