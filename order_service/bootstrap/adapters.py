"""The adapters that fill the ports, and the stock mover that the API and the worker use."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry

from order_service.application.clock import Clock
from order_service.application.correlation import Correlation
from order_service.application.items.get import Items
from order_service.application.orders.history import LoggedChanges
from order_service.application.orders.list import OrderPages
from order_service.application.orders.ports import OrderReader
from order_service.application.orders.publish import RelayLock
from order_service.application.overview.backlog import Backlog
from order_service.application.overview.sampler import Sampler, TakeSample
from order_service.application.overview.samples import Samples
from order_service.application.readiness import Dependency
from order_service.application.stock.lease import LeaseStore
from order_service.application.stock.leased import LeasedStock, Turns
from order_service.application.stock.moving import AT_ONCE
from order_service.application.stock.operations import ConditionalInventory, OperationStock
from order_service.application.stock.overwriting import OverwritingInventory
from order_service.application.stock_log.series import LoggedStocks
from order_service.bootstrap.shared import Shared
from order_service.domain.history import Actor
from order_service.infrastructure.cache.build import OrderCache
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.dependencies import (
    InventoryDependency,
    StoreDependency,
    log_unforeseen,
)
from order_service.infrastructure.inventory import absolute, conditional
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.inventory.items import InventoryItems
from order_service.infrastructure.mongo.backlog import read_backlog
from order_service.infrastructure.mongo.books import MongoBooks
from order_service.infrastructure.mongo.cache_key import cache_key
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.logged_moves import MongoLoggedMoves
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import (
    MongoOrderRepository,
    MongoOutbox,
    WriteListener,
)
from order_service.infrastructure.mongo.relay_lock import MongoRelayLock
from order_service.infrastructure.mongo.retention import log_kept
from order_service.infrastructure.mongo.samples import MongoSamples
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.infrastructure.mongo.stock_series import MongoStockSeries
from order_service.infrastructure.mongo.workers import MongoWorkers
from order_service.infrastructure.telemetry.cache import ReadMetrics
from order_service.infrastructure.telemetry.correlation import LogCorrelation
from order_service.infrastructure.telemetry.counted import counted
from order_service.infrastructure.telemetry.inventory import InventoryMetrics
from order_service.infrastructure.telemetry.leases import LeaseMetrics
from order_service.infrastructure.telemetry.order_lines import OrderLines
from order_service.infrastructure.telemetry.orders import OrderMetrics
from order_service.reconciliation.reconcile import Books, Reconcile, TimeLimits
from order_service.settings import Settings

# Longer than one round of the relay may take, so that no two relays publish the same events.
_RELAY_LEASE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters of all ports but Kafka's. Tests replace or wrap single adapters. Readiness
    checks ``store`` and ``inventory``."""

    orders: MongoOrderRepository
    reader: OrderReader
    pages: OrderPages
    outbox: MongoOutbox
    leases: LeaseStore
    relay_lock: RelayLock
    changes: MongoStockChangeLog
    logged_moves: LoggedChanges
    stock_series: LoggedStocks
    books: Books
    log_kept: Callable[[], timedelta | None]
    turns: Turns
    clock: Clock
    absolute: OverwritingInventory
    conditional: ConditionalInventory
    items: Items
    store: Dependency
    inventory: Dependency
    correlation: Correlation
    workers: MongoWorkers
    samples: Samples
    read_backlog: Callable[[], Backlog]


Wrap = Callable[[Adapters], Adapters]


def build_adapters(
    settings: Settings,
    database: Database,
    shared: Shared,
    registry: CollectorRegistry | None = None,
    correlation: LogCorrelation | None = None,
) -> Adapters:
    """``registry``: where the adapters count and time what they do."""
    registry = registry or CollectorRegistry()
    correlation = correlation or LogCorrelation()
    http = InventoryHttp(settings, correlation)
    calls = InventoryMetrics(registry)
    clock = StoreClock(database)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    leases = MongoLeaseStore(database, owner, settings.lease_seconds, LeaseMetrics(registry))
    cache = OrderCache(settings, shared.changes, Seal(partial(cache_key, database)))
    listeners: list[WriteListener] = [*cache.listeners, OrderMetrics(registry), OrderLines()]
    orders = MongoOrderRepository(database, listeners)
    return Adapters(
        orders=orders,
        reader=cache.reader(orders, ReadMetrics(registry).count),
        pages=MongoOrderPages(database),
        outbox=MongoOutbox(database),
        leases=leases,
        relay_lock=MongoRelayLock(database, owner, _RELAY_LEASE_SECONDS),
        changes=MongoStockChangeLog(database, clock),
        logged_moves=MongoLoggedMoves(database),
        stock_series=MongoStockSeries(database),
        books=MongoBooks(database),
        log_kept=partial(log_kept, database),
        turns=shared.turns,
        clock=clock,
        absolute=absolute.AbsoluteInventory(http, calls),
        conditional=conditional.ConditionalInventory(http, calls),
        items=InventoryItems(http, calls),
        store=StoreDependency(database),
        inventory=InventoryDependency(http, calls.saw),
        correlation=correlation,
        workers=MongoWorkers(database),
        samples=MongoSamples(database),
        read_backlog=partial(read_backlog, database),
    )


def sampler(adapters: Adapters, registry: CollectorRegistry) -> Sampler:
    """``registry``: the process's own. What was counted there by now is not told."""
    take = TakeSample(partial(counted, registry), adapters.samples, adapters.clock)
    return Sampler(take, log_unforeseen)


def reconciliation(settings: Settings, adapters: Adapters, grace: timedelta) -> Reconcile:
    """Asks the store how long the log is kept. Raises StoreUnavailable.

    Reading the stock is the same on both contracts."""
    limits = TimeLimits(grace, adapters.log_kept(), timedelta(seconds=settings.lease_seconds))
    return Reconcile(adapters.books, adapters.absolute, adapters.clock, limits)


def stock_mover(
    settings: Settings, adapters: Adapters, by: Actor | None = None
) -> LeasedStock | OperationStock:
    """``by``: who moves the stock, for the orders' history; None for whoever asks for it.

    Threads are started when they are needed. No commit waits for a thread that another commit
    keeps, so a commit and the calls that it makes side by side have threads of their own."""
    commits = ThreadPoolExecutor(settings.web_threads, thread_name_prefix="commit")
    calls = ThreadPoolExecutor(max(AT_ONCE, settings.web_threads), thread_name_prefix="call")
    orders, clock = adapters.orders, adapters.clock
    if settings.inventory_contract == "conditional":
        return OperationStock(adapters.conditional, orders, clock, commits, calls, by)
    return LeasedStock(
        adapters.absolute,
        adapters.leases,
        orders,
        adapters.changes,
        adapters.turns,
        clock,
        commits,
        calls,
        settings.lease_seconds,
        by,
        adapters.correlation,
    )
