"""The worker, and the other commands of ``order-service``."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from prometheus_client import CollectorRegistry

from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.list import ListOrders
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.orders.publish import PublishEvents
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.orders.show import ShowOrder
from order_service.application.stock_log.read_dead_letters import ReadDeadLetters
from order_service.application.stock_log.record import RecordStockChanges
from order_service.application.stock_log.replay_dead_letters import ReplayDeadLetters
from order_service.bootstrap.shared import (
    Adapters,
    Wrap,
    build_adapters,
    load_settings,
    stock_mover,
)
from order_service.infrastructure.dependencies import StoreDependency
from order_service.infrastructure.inventory import absolute
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.kafka import build
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.backlog import read_backlog
from order_service.infrastructure.mongo.books import MongoBooks
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import connect, require_reachable
from order_service.infrastructure.mongo.index_building import Report
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from order_service.infrastructure.mongo.relay_lock import MongoRelayLock
from order_service.infrastructure.mongo.retention import log_kept
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.infrastructure.telemetry import logs
from order_service.infrastructure.telemetry.backlog import BacklogCollector
from order_service.interface.cli.dead_letters import DeadLetterTools
from order_service.interface.cli.orders import OrderTools
from order_service.interface.worker import process as worker
from order_service.interface.worker.health import WorkerParts
from order_service.reconciliation.reconcile import Reconcile, TimeLimits
from order_service.settings import Settings

# Longer than one round of the relay may take, so that two relays don't publish double.
RELAY_LEASE_SECONDS = 30.0
# The server may have millions of orders to sort; no request of a caller waits for it.
RECONCILE_TIMEOUT = 600.0


class Commands:
    """What ``order-service`` runs. Raises SettingsError."""

    def __init__(self) -> None:
        self._settings = load_settings()
        # A command says what is wrong in a line of its own.
        logs.configure("CRITICAL")

    def migrate(
        self, done: Callable[[str], None], going_on: Callable[[str], None], resolve_doubles: bool
    ) -> None:
        settings = self._settings
        connect(settings)
        # In a shell without it the log is not to be kept for ever from then on.
        is_given = "stock_change_retention_days" in settings.model_fields_set
        days = settings.stock_change_retention_days if is_given else None
        schema.migrate(days, Report(done, going_on), resolve_doubles)

    def run_worker(self, wrap: Wrap = lambda adapters: adapters) -> int:
        settings = self._settings
        logs.configure(settings.log_level)
        registry = CollectorRegistry()
        registry.register(BacklogCollector(read_backlog))
        adapters = wrap(build_adapters(settings, registry))
        record = RecordStockChanges(adapters.changes)
        watch = build.kafka_watch(settings)
        return worker.run(
            WorkerParts(
                consumer=build.stock_consumer(settings, record, registry, watch),
                kafka=watch,
                publish_events=_relay(settings),
                settle_orders=_settlement(settings, adapters),
                store=StoreDependency(),
                registry=registry,
            ),
            settings,
        )

    def dead_letters(self) -> DeadLetterTools:
        self._use_store()
        box = build.dead_letter_box(self._settings)
        read = ReadDeadLetters(box, MongoStockChangeLog())
        return DeadLetterTools(read, ReplayDeadLetters(box, read))

    def orders(self) -> OrderTools:
        settings = self._settings
        self._use_store()
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
        schema.require_migrated()
        lease = timedelta(seconds=settings.lease_seconds)
        limits = TimeLimits(grace, log_kept(), lease)
        # Reading the stock is the same on both contracts.
        stock = absolute.AbsoluteInventory(InventoryHttp(settings))
        return Reconcile(MongoBooks(), stock, StoreClock(), limits)

    def _use_store(self) -> None:
        """Raises StoreUnavailable, so that a command says at once what is wrong with the store."""
        connect(self._settings)
        schema.require_migrated()


def _relay(settings: Settings) -> PublishEvents:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    lock = MongoRelayLock(owner, RELAY_LEASE_SECONDS)
    return PublishEvents(MongoOutbox(), build.event_publisher(settings), lock)


def _settlement(settings: Settings, adapters: Adapters) -> SettleOrders:
    executor = ThreadPoolExecutor(settings.web_threads, thread_name_prefix="commit")
    stock = stock_mover(settings, adapters, executor)
    overdue = Overdue(timedelta(seconds=settings.settle_after), settings.request_deadline)
    return SettleOrders(adapters.orders, stock, adapters.clock, overdue)
