"""The system that the faults are done to: two API instances, two workers, a store, a broker, and an
inventory behind a proxy that misbehaves when told to."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import MongoCluster, Mongod
from devstack.processes import ManagedProcess
from tests.faults.composition import TRAPS
from tests.faults.traps import TrapFolder
from tests.misbehaving import MisbehavingInventory
from tests.system import Parts, System

LEASE_SECONDS = 5.0
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
    "SETTLE_AFTER": "6",
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
        self.proxy = MisbehavingInventory(inventory.url)
        own = {
            "INVENTORY_CONTRACT": contract,
            "KAFKA_ORDER_TOPIC": self.topic,
            TRAPS: str(self.traps.folder),
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

    @property
    def processes(self) -> list[ManagedProcess]:
        return [*self.system.api, *self.system.worker]
