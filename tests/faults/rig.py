"""The system that the faults are done to: two API instances, two workers, a store, a broker, and an
inventory behind a proxy that misbehaves when told to."""

import os
import re
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import MongoCluster, Mongod
from devstack.processes import ManagedProcess
from tests.commands import order_service
from tests.faults.addresses import NAME, AddressBook
from tests.faults.composition import ADDRESSES, TRAPS
from tests.faults.traps import TrapFolder
from tests.misbehaving import MisbehavingInventory
from tests.system import Parts, System, clean_environment

LEASE_SECONDS = 5.0
SETTLE_AFTER = 6.0
# Short, so that recovery is quick; in the proportions of the defaults.
SETTINGS = {
    "WEB_WORKERS": "1",
    "LOG_LEVEL": "WARNING",
    "LEASE_SECONDS": f"{LEASE_SECONDS:g}",
    "INVENTORY_CONNECT_TIMEOUT": "0.5",
    "INVENTORY_READ_TIMEOUT": "1",
    "BREAKER_RESET": "0.5",
    "REQUEST_DEADLINE": "5",
    "STORE_TIMEOUT": "2",
    "SETTLE_AFTER": f"{SETTLE_AFTER:g}",
    "SETTLE_INTERVAL": "0.5",
    "KAFKA_CONSUMER_SESSION_TIMEOUT_MS": "6000",
    "KAFKA_RECONNECT_BACKOFF_MAX_MS": "1000",
}


class Rig:
    """Its store is not the inventory's, so that each can fail alone."""

    def __init__(
        self,
        contract: str,
        store: Mongod | MongoCluster,
        kafka: KafkaBroker,
        inventory: SampleInventory,
        folder: Path,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.contract = contract
        self.store = store
        self.kafka = kafka
        self.topic = f"order-events-{folder.name}"
        self.traps = TrapFolder(folder / "traps")
        self.addresses = AddressBook(folder / "addresses")
        self.proxy = MisbehavingInventory(inventory.url)
        own = {
            "INVENTORY_CONTRACT": contract,
            "KAFKA_ORDER_TOPIC": self.topic,
            "INVENTORY_SERVICE_URL": f"http://{NAME}:{self.proxy.port}",
            TRAPS: str(self.traps.folder),
            ADDRESSES: str(self.addresses.path),
        }
        self.system = System(
            Parts(store, kafka, self.proxy),
            folder,
            {**(SETTINGS if settings is None else settings), **own},
            api_processes=2,
            workers=2,
            app="tests.faults.composition:app",
            worker_command=("-m", "tests.faults.composition"),
        )

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self.proxy)
            self.system.start()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.system.kill()
        self.proxy.__exit__(kind, error, trace)

    def heal(self) -> None:
        """Everything runs and behaves again."""
        self.traps.clear()
        self.addresses.clear()
        self.proxy.behave()
        if not self.kafka.alive:
            self.kafka.start()
        if isinstance(self.store, MongoCluster) or not self.store.alive:
            self.store.start()
        for process in self.processes:
            process.start()
        for number in range(len(self.system.api)):
            self.system.await_api(number)

    def url_of(self, pid: int) -> str:
        """Of the API instance that this process of gunicorn belongs to."""
        group = os.getpgid(pid)
        at = next(n for n, master in enumerate(self.system.api) if master.pid == group)
        return self.system.urls[at]

    def waits(self, item: str) -> bool:
        """Whether one of the item's orders waits for its stock."""
        return any("awaitingSince" in order for order in self.system.orders(item))

    def is_overdue(self, item: str) -> bool:
        """Whether one of them has waited for so long that settlement takes it up."""
        now = datetime.now(UTC)
        since = [o["awaitingSince"] for o in self.system.orders(item) if "awaitingSince" in o]
        return any((now - each).total_seconds() > SETTLE_AFTER + 0.5 for each in since)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """``order-service`` with these arguments, whatever its exit code."""
        # The inventory's name is known only to the processes under test.
        settings = {**self.system.settings, "INVENTORY_SERVICE_URL": self.proxy.url}
        return order_service(*arguments, environment=clean_environment(settings))

    def overwrites(self, item: str) -> int:
        """How many the proxy has seen."""
        return sum(f"PATCH /api/items/update-stock/{item}" == each for each in self.proxy.requests)

    def slow_calls(self, seconds: str) -> int:
        """Calls of the inventory that took longer, so far, in the API and the workers. ``seconds``:
        a bucket's bound."""
        urls = [*self.system.urls, *self.system.worker_urls]
        # Of each process at one moment: calls go on meanwhile.
        counts = [_counts(url) for url in urls]
        return sum(_calls(each, "+Inf") - _calls(each, seconds) for each in counts)

    def overwrites_ended(self, url: str) -> int:
        """Calls of that instance of the API."""
        return _calls(_counts(url), "+Inf", "overwrite")

    @property
    def processes(self) -> list[ManagedProcess]:
        return [*self.system.api, *self.system.worker]


def _counts(url: str) -> list[tuple[str, str]]:
    """The buckets of the inventory's calls, labels and count."""
    answer = requests.get(f"{url}/metrics", timeout=10)
    answer.raise_for_status()
    name = "order_service_inventory_call_seconds_bucket"
    return re.findall(rf"^{name}{{(.+)}} (.+)$", answer.text, re.MULTILINE)


def _calls(counts: list[tuple[str, str]], within: str, operation: str = "") -> int:
    """``within``: a bucket's bound, in seconds."""
    wanted = f'le="{within}"', f'operation="{operation}'
    return int(sum(float(count) for labels, count in counts if all(w in labels for w in wanted)))
