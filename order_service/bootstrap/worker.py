"""Build the worker, which keeps the stock-change log, publishes events and settles orders."""

import os
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.metadata import version

from prometheus_client import CollectorRegistry

from order_service.application.orders.expire import AT_ONCE, ExpireOrders
from order_service.application.orders.publish import EventPublisher, PublishEvents
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.application.overview.workers import Heartbeat
from order_service.application.stock_log.lost_updates import FindLostUpdates
from order_service.application.stock_log.record import RecordStockChanges
from order_service.bootstrap.adapters import Adapters, Wrap, build_adapters, sampler, stock_mover
from order_service.bootstrap.correlating import correlation
from order_service.bootstrap.shared import Shared
from order_service.bootstrap.start_lines import of_worker
from order_service.domain.history import SETTLEMENT
from order_service.infrastructure.kafka import build
from order_service.infrastructure.mongo.connection import connect
from order_service.infrastructure.telemetry.backlog import BacklogCollector
from order_service.infrastructure.telemetry.lost_updates import LostUpdateMetrics
from order_service.infrastructure.telemetry.settlement import SettlementMetrics
from order_service.interface.worker import process
from order_service.interface.worker.health import WorkerParts
from order_service.settings import Settings


def run_worker(settings: Settings, wrap: Wrap = lambda adapters: adapters) -> int:
    """Returns the exit code."""
    telling = correlation(settings, "worker")
    database = connect(settings, event_listeners=telling.store_listeners())
    registry = CollectorRegistry()
    adapters = wrap(build_adapters(settings, database, Shared(), registry, telling))
    registry.register(BacklogCollector(adapters.read_backlog))
    publisher = build.event_publisher(settings, telling, registry)
    parts = _parts(settings, adapters, registry, publisher)
    with sampler(adapters, registry):
        return process.run(parts, settings, of_worker(settings))


def _parts(
    settings: Settings,
    adapters: Adapters,
    registry: CollectorRegistry,
    publisher: EventPublisher,
) -> WorkerParts:
    record = RecordStockChanges(adapters.changes)
    watch = build.kafka_watch(settings, registry)
    lost_updates = FindLostUpdates(
        adapters.changes, adapters.clock, LostUpdateMetrics(registry).found
    )
    return WorkerParts(
        consumer=build.stock_consumer(settings, record, registry, watch, lost_updates.heard),
        kafka=watch,
        publish_events=PublishEvents(adapters.outbox, publisher, adapters.relay_lock),
        settle_orders=_settlement(settings, adapters, SettlementMetrics(registry)),
        expire_orders=_expiry(settings, adapters),
        store=adapters.store,
        registry=registry,
        find_lost_updates=lost_updates,
        heartbeat=Heartbeat(
            adapters.workers, _unique_id(), version("order-service"), adapters.clock
        ),
    )


def _unique_id() -> str:
    """Host and process number are for people: containers can share both."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def _settlement(settings: Settings, adapters: Adapters, metrics: SettlementMetrics) -> SettleOrders:
    stock = stock_mover(settings, adapters, SETTLEMENT)
    overdue = Overdue(timedelta(seconds=settings.settle_after), settings.request_deadline)
    return SettleOrders(
        adapters.orders, stock, adapters.clock, overdue, adapters.correlation, metrics.failed
    )


def _expiry(settings: Settings, adapters: Adapters) -> ExpireOrders:
    return ExpireOrders(
        adapters.orders,
        stock_mover(settings, adapters),
        adapters.inventory,
        adapters.clock,
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix="expiry"),
        settings.request_deadline,
        adapters.correlation,
    )
