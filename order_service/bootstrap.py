"""The composition root: settings in, application out. The only module that knows everyone."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry

from order_service.application.cancel_order import CancelOrder
from order_service.application.check_readiness import CheckReadiness
from order_service.application.create_order import CreateOrder
from order_service.application.decide_order import DecideOrder
from order_service.application.get_order import GetOrder
from order_service.application.leased_stock import LeasedStock
from order_service.application.list_open_orders import ListOpenOrders
from order_service.application.list_orders import ListOrders
from order_service.application.list_stock_changes import ListStockChanges
from order_service.application.operation_stock import OperationStock
from order_service.application.ports import (
    Clock,
    ConditionalInventory,
    Dependency,
    LeaseStore,
    OrderReader,
    OrderRepository,
    OverwritingInventory,
    StockChangeLog,
    StockMover,
    Turns,
)
from order_service.application.publish_events import PublishEvents
from order_service.application.read_dead_letters import ReadDeadLetters
from order_service.application.reconcile import Patience, Reconcile
from order_service.application.record_stock_changes import RecordStockChanges
from order_service.application.replay_dead_letters import ReplayDeadLetters
from order_service.application.settle_orders import Overdue, SettleOrders
from order_service.application.show_order import ShowOrder
from order_service.application.use_cases import UseCases
from order_service.infrastructure import logs
from order_service.infrastructure.cache.build import cache
from order_service.infrastructure.cache.changes import shared_changes
from order_service.infrastructure.dependencies import (
    InventoryDependency,
    KeysDependency,
    StoreDependency,
)
from order_service.infrastructure.inventory import absolute, conditional
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.kafka import build
from order_service.infrastructure.metrics.backlog import BacklogCollector
from order_service.infrastructure.metrics.cache import ReadMetrics
from order_service.infrastructure.metrics.inventory import (
    InventoryMetrics,
    MeteredConditional,
    MeteredOverwriting,
)
from order_service.infrastructure.metrics.leases import MeteredLeases
from order_service.infrastructure.metrics.orders import MeteredOrders
from order_service.infrastructure.metrics.registry import forget_process, gathered
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.backlog import read_backlog
from order_service.infrastructure.mongo.books import MongoBooks
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import connect, require_reachable
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.infrastructure.turns import shared_turns
from order_service.interface import worker
from order_service.interface.dead_letters_cli import DeadLetterTools
from order_service.interface.orders_cli import OrderTools
from order_service.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

READY_TIMEOUT = 2.0
# Longer than one round of the relay may take, so that two relays don't publish double.
RELAY_LEASE_SECONDS = 30.0
# The server may have millions of orders to sort; no request of a caller waits for it.
RECONCILE_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Adapters:
    """What fills the ports. Tests replace or wrap single ones."""

    orders: OrderRepository
    reader: OrderReader
    leases: LeaseStore
    changes: StockChangeLog
    turns: Turns
    clock: Clock
    absolute: OverwritingInventory
    conditional: ConditionalInventory
    inventory_http: InventoryHttp


Wrap = Callable[[Adapters], Adapters]


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError."""
    return Settings.load(environment, Path(".env"))


def before_fork() -> None:
    """Makes what the API's processes share. gunicorn calls it before it makes them."""
    shared_changes()
    shared_turns()


def after_exit(pid: int) -> None:
    """Cleans up after an API process. gunicorn calls it."""
    forget_process(pid)


def build_adapters(settings: Settings, registry: CollectorRegistry | None = None) -> Adapters:
    """``registry``: where they count and time what they do."""
    registry = registry or CollectorRegistry()
    connect(settings)
    http = InventoryHttp(settings)
    calls = InventoryMetrics(registry)
    clock = StoreClock()
    owner = f"{socket.gethostname()}:{os.getpid()}"
    cached = cache(settings, MongoOrderRepository(), ReadMetrics(registry).count)
    return Adapters(
        orders=MeteredOrders(cached.orders, registry),
        reader=cached.reader,
        leases=MeteredLeases(MongoLeaseStore(owner, settings.lease_seconds), registry),
        changes=MongoStockChangeLog(clock),
        turns=shared_turns(),
        clock=clock,
        absolute=MeteredOverwriting(absolute.AbsoluteInventory(http), calls),
        conditional=MeteredConditional(conditional.ConditionalInventory(http), calls),
        inventory_http=http,
    )


def build_use_cases(
    settings: Settings, adapters: Adapters, more_dependencies: Sequence[Dependency] = ()
) -> UseCases:
    executor = ThreadPoolExecutor(settings.web_threads, thread_name_prefix="commit")
    stock = _stock_mover(settings, adapters, executor)
    orders, clock = adapters.orders, adapters.clock
    # What is left of the deadline pays for the last write.
    move_budget = settings.request_deadline - settings.store_timeout
    key_lifetime = timedelta(hours=settings.idempotency_key_hours)
    dependencies: list[Dependency] = [
        StoreDependency(),
        InventoryDependency(adapters.inventory_http),
        *more_dependencies,
    ]
    return UseCases(
        create_order=CreateOrder(orders, stock, clock, move_budget, key_lifetime),
        get_order=GetOrder(adapters.reader),
        cancel_order=CancelOrder(GetOrder(orders), orders, stock, clock, move_budget),
        list_orders=ListOrders(MongoOrderPages()),
        list_stock_changes=ListStockChanges(adapters.changes),
        # In threads of its own: commits that hang must not make the store look missing.
        check_readiness=CheckReadiness(
            dependencies, ThreadPoolExecutor(len(dependencies)), READY_TIMEOUT
        ),
    )


def _stock_mover(
    settings: Settings, adapters: Adapters, executor: ThreadPoolExecutor
) -> StockMover:
    if settings.inventory_contract == "conditional":
        return OperationStock(adapters.conditional, adapters.orders, adapters.clock, executor)
    return LeasedStock(
        adapters.absolute,
        adapters.leases,
        adapters.orders,
        adapters.changes,
        adapters.turns,
        adapters.clock,
        executor,
        settings.lease_seconds,
    )


def _relay(settings: Settings) -> PublishEvents:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    leases = MongoLeaseStore(owner, RELAY_LEASE_SECONDS)
    return PublishEvents(MongoOutbox(), build.event_publisher(settings), leases)


def _settlement(settings: Settings, adapters: Adapters) -> SettleOrders:
    executor = ThreadPoolExecutor(settings.web_threads, thread_name_prefix="commit")
    stock = _stock_mover(settings, adapters, executor)
    overdue = Overdue(timedelta(seconds=settings.settle_after), settings.request_deadline)
    return SettleOrders(adapters.orders, stock, adapters.clock, overdue)


class Commands:
    """What ``order-service`` runs. Raises SettingsError."""

    def __init__(self) -> None:
        self._settings = load_settings()
        # A command says what is wrong in a line of its own.
        logs.configure("CRITICAL")

    def migrate(self) -> None:
        connect(self._settings)
        schema.migrate(self._settings.stock_change_retention_days)

    def run_worker(self, wrap: Wrap = lambda adapters: adapters) -> int:
        settings = self._settings
        logs.configure(settings.log_level)
        registry = CollectorRegistry()
        registry.register(BacklogCollector(read_backlog))
        adapters = wrap(build_adapters(settings, registry))
        record = RecordStockChanges(adapters.changes)
        return worker.run(
            worker.WorkerParts(
                consumer=build.stock_consumer(settings, record, registry),
                publish_events=_relay(settings),
                settle_orders=_settlement(settings, adapters),
                store=StoreDependency(),
                registry=registry,
            ),
            settings,
        )

    def dead_letters(self) -> DeadLetterTools:
        connect(self._settings)
        box = build.dead_letter_box(self._settings)
        read = ReadDeadLetters(box, MongoStockChangeLog())
        return DeadLetterTools(read, ReplayDeadLetters(box, read))

    def orders(self) -> OrderTools:
        settings = self._settings
        connect(settings)
        repository, clock = MongoOrderRepository(), StoreClock()
        settle_after = timedelta(seconds=settings.settle_after)
        return OrderTools(
            list_orders=ListOrders(MongoOrderPages()),
            show=ShowOrder(repository, MongoOutbox()),
            list_open=ListOpenOrders(repository, clock, settle_after),
            decide=DecideOrder(repository, clock),
        )

    def reconcile(self, grace: timedelta) -> Reconcile:
        settings = self._settings
        connect(settings, RECONCILE_TIMEOUT)
        require_reachable(settings.store_timeout)
        days = settings.stock_change_retention_days
        patience = Patience(grace, log_kept=timedelta(days=days) if days else None)
        # Reading the stock is the same on both contracts.
        stock = absolute.AbsoluteInventory(InventoryHttp(settings))
        return Reconcile(MongoBooks(), stock, StoreClock(), patience)


def build_api(settings: Settings, wrap: Wrap = lambda adapters: adapters) -> "Flask":
    """The WSGI application. Call it after the fork: it makes the clients."""
    # Here, because the worker is 15 MB smaller without them.
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
