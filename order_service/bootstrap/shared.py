"""The composition root: settings in, application out. Nothing else knows everyone.

Here is what all processes share; ``api`` and ``commands`` are what each is made of, apart so that
none loads what only the other needs.
"""

import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from order_service.application.clock import Clock
from order_service.application.orders.ports import OrderReader
from order_service.application.stock.lease import LeaseStore
from order_service.application.stock.leased import LeasedStock, OverwritingInventory, Turns
from order_service.application.stock.operations import ConditionalInventory, OperationStock
from order_service.bootstrap.make_run import NOTICE, folder_of_settings, settings_of_make_run
from order_service.infrastructure.cache.build import OrderCache
from order_service.infrastructure.cache.seal import Seal
from order_service.infrastructure.inventory import absolute, conditional
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.mongo.cache_key import cache_key
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import connect
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from order_service.infrastructure.sharing.turns import shared_turns
from order_service.infrastructure.telemetry import logs
from order_service.infrastructure.telemetry.cache import ReadMetrics
from order_service.infrastructure.telemetry.inventory import (
    InventoryMetrics,
    MeteredConditional,
    MeteredOverwriting,
)
from order_service.infrastructure.telemetry.leases import MeteredLeases
from order_service.infrastructure.telemetry.orders import OrderMetrics
from order_service.settings import Settings, variables


@dataclass(frozen=True, slots=True)
class Adapters:
    """What fills the ports. Tests replace or wrap single ones."""

    orders: MongoOrderRepository
    reader: OrderReader
    leases: LeaseStore
    changes: MongoStockChangeLog
    turns: Turns
    clock: Clock
    absolute: OverwritingInventory
    conditional: ConditionalInventory
    inventory_http: InventoryHttp


Wrap = Callable[[Adapters], Adapters]


def load_settings(
    environment: Mapping[str, str] = os.environ, dotenv: Path | None = None
) -> Settings:
    """``dotenv``: where it is not looked for from the current folder on.

    Tells of variables that look like settings and are none. Raises SettingsError.
    """
    dotenv = dotenv or folder_of_settings() / ".env"
    given = variables.read(environment, dotenv, Settings.names())
    beside = settings_of_make_run(dotenv.parent / NOTICE)
    # An empty value goes before them, as it goes before .env's.
    told = {name: value for name, value in beside.items() if name not in environment}
    settings = Settings.of(replace(given, values={**told, **given.values}))
    logs.configure(settings.log_level)
    for name, meant in given.unused.items():
        _tell(name, meant)
    return settings


@cache
def _tell(name: str, meant: str | None) -> None:
    """Once: gunicorn's processes are forked from one that has loaded the settings."""
    structlog.get_logger().warning("variable_is_no_setting", name=name, meant=meant)


def build_adapters(settings: Settings, registry: CollectorRegistry | None = None) -> Adapters:
    """``registry``: where they count and time what they do."""
    registry = registry or CollectorRegistry()
    connect(settings)
    http = InventoryHttp(settings)
    calls = InventoryMetrics(registry)
    clock = StoreClock()
    owner = f"{socket.gethostname()}:{os.getpid()}"
    order_cache = OrderCache(settings, Seal(cache_key))
    orders = MongoOrderRepository([*order_cache.listeners, OrderMetrics(registry)])
    return Adapters(
        orders=orders,
        reader=order_cache.reader(orders, ReadMetrics(registry).count),
        leases=MeteredLeases(MongoLeaseStore(owner, settings.lease_seconds), registry),
        changes=MongoStockChangeLog(clock),
        turns=shared_turns(),
        clock=clock,
        absolute=MeteredOverwriting(absolute.AbsoluteInventory(http), calls),
        conditional=MeteredConditional(conditional.ConditionalInventory(http), calls),
        inventory_http=http,
    )


def stock_mover(
    settings: Settings, adapters: Adapters, executor: ThreadPoolExecutor
) -> LeasedStock | OperationStock:
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
