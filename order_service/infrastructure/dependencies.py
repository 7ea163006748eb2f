"""What readiness asks for."""

from collections.abc import Callable
from datetime import datetime

import structlog

from order_service.domain.errors import ItemNotFound
from order_service.infrastructure.auth.key_set import KeySet
from order_service.infrastructure.inventory.http import InventoryHttp
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.outages import STORE
from order_service.infrastructure.mongo.schema import require_migrated

_log = structlog.get_logger()


def log_unforeseen(dependency: str, error: Exception) -> None:
    """For the last resort of readiness."""
    _log.error("check_failed", dependency=dependency, exc_info=error)


class StoreDependency:
    name = "store"
    required = True

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def missing_since(self) -> datetime | None:
        return STORE.since

    def check(self) -> None:
        require_migrated(self._database)


class InventoryDependency:
    """The inventory has no health route in its contract: asking for an item that can't be there
    shows whether it answers.

    ``saw`` hears after each check whether the breaker lets calls through: a process that gets no
    orders would go on telling of a breaker that has closed since.
    """

    name = "inventory"
    required = False

    def __init__(self, http: InventoryHttp, saw: Callable[[bool], None]) -> None:
        self._http = http
        self._saw = saw

    @property
    def missing_since(self) -> datetime | None:
        return self._http.missing_since

    def check(self) -> None:
        nobody = "0" * 24
        try:
            self._http.get_item(f"/api/items/stock/{nobody}", nobody)
        except ItemNotFound:
            return
        finally:
            self._saw(self._http.available())


class KeysDependency:
    """The issuer's keys: without any, no request can be let in."""

    name = "issuer"
    required = True
    missing_since = None

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def check(self) -> None:
        self._keys.require()
