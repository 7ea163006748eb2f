"""Build what the commands of ``order-service`` run."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Final

from order_service.application.orders.decide import DecideOrder
from order_service.application.orders.history import ReadHistory
from order_service.application.orders.list import ListOrders
from order_service.application.orders.list_open import ListOpenOrders
from order_service.application.orders.restore import RestoreOrders
from order_service.application.orders.show import ShowOrder
from order_service.application.stock.open_intents import LeasedIntents
from order_service.application.stock_log.read_dead_letters import ReadDeadLetters
from order_service.application.stock_log.replay_dead_letters import ReplayDeadLetters
from order_service.bootstrap import worker
from order_service.bootstrap.adapters import Adapters, build_adapters, reconciliation
from order_service.bootstrap.shared import Shared
from order_service.infrastructure.kafka import build
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database, connect, require_reachable
from order_service.infrastructure.mongo.index_building import Report
from order_service.interface.cli.dead_letters import DeadLetterTools
from order_service.interface.cli.orders import OrderTools
from order_service.reconciliation.reconcile import Reconcile
from order_service.settings import Settings

# The server may have millions of orders to sort; no caller's request waits for the sort.
_RECONCILE_TIMEOUT: Final = 600.0


class Commands:
    """What the commands run. ``stack`` closes the connections at the end. Raises SettingsError."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self._settings = settings
        self._stack = stack

    def migrate(
        self, done: Callable[[str], None], going_on: Callable[[str], None], resolve_doubles: bool
    ) -> None:
        settings = self._settings
        # A shell without the setting must not change how long the log is kept.
        is_given = "stock_change_retention_days" in settings.model_fields_set
        days = settings.stock_change_retention_days if is_given else None
        schema.migrate(self._connect(), days, Report(done, going_on), resolve_doubles)

    def run_worker(self) -> int:
        return worker.run_worker(self._settings)

    def dead_letters(self) -> DeadLetterTools:
        adapters = self._adapters(self._connect())
        box = build.dead_letter_box(self._settings)
        read = ReadDeadLetters(box, adapters.changes)
        return DeadLetterTools(read, ReplayDeadLetters(box, read))

    def orders(self) -> OrderTools:
        adapters = self._adapters(self._connect())
        orders, clock = adapters.orders, adapters.clock
        settle_after = timedelta(seconds=self._settings.settle_after)
        return OrderTools(
            list_orders=ListOrders(adapters.pages),
            show=ShowOrder(ReadHistory(orders, adapters.logged_moves), adapters.outbox),
            list_open=ListOpenOrders(orders, clock, settle_after),
            decide=DecideOrder(orders, clock),
            restore=self._restore(adapters),
        )

    def _restore(self, adapters: Adapters) -> RestoreOrders:
        is_leased = self._settings.inventory_contract == "absolute"
        return RestoreOrders(
            build.order_topic(self._settings),
            adapters.orders,
            LeasedIntents(adapters.leases) if is_leased else None,
            adapters.clock,
            timedelta(seconds=self._settings.max_hold_seconds),
        )

    def reconcile(self, grace: timedelta) -> Reconcile:
        settings = self._settings
        database = self._connect(_RECONCILE_TIMEOUT)
        require_reachable(database, settings.store_timeout)
        return reconciliation(settings, self._adapters(database), grace)

    def _connect(self, operation_timeout: float | None = None) -> Database:
        database = connect(self._settings, operation_timeout)
        self._stack.enter_context(database.client)
        return database

    def _adapters(self, database: Database) -> Adapters:
        """Raises StoreUnavailable, so that a command says at once why the store can't be used."""
        schema.require_migrated(database)
        return build_adapters(self._settings, database, Shared())
