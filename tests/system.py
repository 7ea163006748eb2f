"""The whole running system: API processes, workers, and what they stand on.

    with System(Parts(mongo, kafka, inventory), tmp_path) as system:
        item = system.add_item(stock=100, price="9.99")
        assert system.create(item, 1).status_code == 201
        assert system.create({item: 1, another: 2}).status_code == 201

Each System has a database of its own, so that several can share the parts.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import uuid4

import requests
from bson import ObjectId
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

from devstack.ports import free_port
from devstack.processes import ManagedProcess
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import Settings
from tests.items import Items
from tests.waiting import until

CHECKOUT = Path(__file__).parents[1]
_CONFIGURATION = "gunicorn.conf.py"
# What a program needs to run at all; every setting is given, so that none leaks in.
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_START_TIMEOUT = 30
_FINISH_TIMEOUT = 35

# What an order asks for: one item, or each item of its lines with the quantity.
Asked = str | Mapping[str, int]


class HasUri(Protocol):
    @property
    def uri(self) -> str: ...


class HasBootstrap(Protocol):
    @property
    def bootstrap(self) -> str: ...


class HasUrl(Protocol):
    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Parts:
    """The servers underneath: devstack's parts, or their addresses."""

    mongo: HasUri | str
    kafka: HasBootstrap | str
    inventory: HasUrl | str

    @property
    def mongo_uri(self) -> str:
        return self.mongo if isinstance(self.mongo, str) else self.mongo.uri

    @property
    def bootstrap(self) -> str:
        return self.kafka if isinstance(self.kafka, str) else self.kafka.bootstrap

    @property
    def inventory_url(self) -> str:
        return self.inventory if isinstance(self.inventory, str) else self.inventory.url


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's settings, nor of a .env, which an empty value goes before."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    unset = {field.upper(): "" for field in Settings.model_fields}
    return {**kept, **unset, "PYTHONUNBUFFERED": "1", **settings}


class System:
    """``settings``: environment variables over the defaults here.

    ``app`` and ``worker_command`` are what gunicorn serves and Python runs as the worker: a suite
    that has to stop a process at a certain step gives its own composition there.
    """

    def __init__(
        self,
        parts: Parts,
        log_dir: Path,
        settings: Mapping[str, str] | None = None,
        *,
        api_processes: int = 1,
        workers: int = 1,
        app: str = "wsgi:app",
        worker_command: Sequence[str] = ("-m", "order_service", "worker"),
    ) -> None:
        self.parts = parts
        self.log_dir = log_dir
        # A database in the URI goes before the setting.
        given = parse_uri(parts.mongo_uri, validate=False)["database"]
        self.database_name: str = given or f"orders-{uuid4().hex[:12]}"
        self.settings = {
            "MONGO_URI": parts.mongo_uri,
            "MONGO_DATABASE": self.database_name,
            "KAFKA_BROKER": parts.bootstrap,
            "KAFKA_GROUP": f"order-service-{uuid4().hex[:12]}",
            "INVENTORY_SERVICE_URL": parts.inventory_url,
            "WEB_WORKERS": "2",
            **(settings or {}),
        }
        self._ports = [free_port() for _ in range(api_processes)]
        self._worker_ports = [free_port() for _ in range(workers)]
        self.api = [self._api(number, port, app) for number, port in enumerate(self._ports)]
        self.worker = [
            self._program(f"worker {number}", worker_command, WORKER_PORT=str(port))
            for number, port in enumerate(self._worker_ports)
        ]
        # Of the inventory itself, also where the service sees it through a proxy.
        direct_url = getattr(parts.inventory, "direct_url", None)
        self.items = Items(direct_url or parts.inventory_url)
        self._store: MongoClient[dict[str, Any]] | None = None

    # --- its life

    def start(self) -> Self:
        """Migrates, starts every process, and returns once all are ready."""
        with ExitStack() as undo:
            undo.callback(self.kill)
            self.migrate()
            self.revive()
            undo.pop_all()
        return self

    def revive(self) -> None:
        """Starts the processes that don't run, and returns once they are ready."""
        dead_api = [number for number, each in enumerate(self.api) if not each.alive]
        dead_workers = [number for number, each in enumerate(self.worker) if not each.alive]
        for process in [*self.api, *self.worker]:
            process.start()
        for number in dead_api:
            self.await_api(number)
        for number in dead_workers:
            self.await_worker(number)

    def migrate(self, build: Path = CHECKOUT) -> None:
        """In this process, which has loaded already what the command would load first; the
        migration of another build in that build's."""
        if build == CHECKOUT:
            names = ("MONGO_URI", "MONGO_DATABASE")
            database = connect(Settings.load({name: self.settings[name] for name in names}))
            with database.client:
                schema.migrate(database)
            return
        process = self._program("migrate", ("-m", "order_service", "migrate"))
        run_from(build, process)
        process.run()

    def await_api(self, number: int = 0, timeout: float = _START_TIMEOUT) -> None:
        """Returns once that gunicorn instance is ready."""
        url = f"{self.urls[number]}/health/ready"
        self.api[number].wait_until(lambda: _answers_200(url), timeout)

    def await_worker(self, number: int = 0, timeout: float = _START_TIMEOUT) -> None:
        """Returns once that worker is ready."""
        url = f"{self.worker_urls[number]}/health/ready"
        self.worker[number].wait_until(lambda: _answers_200(url), timeout)

    def stop(self) -> None:
        """SIGTERM for all at once, then the wait for each."""
        for process in [*self.api, *self.worker]:
            process.terminate()
        for process in [*self.api, *self.worker]:
            process.stop()
        self._close()

    def kill(self) -> None:
        for process in [*self.api, *self.worker]:
            process.kill()
        self._close()

    def _close(self) -> None:
        self.items.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- as a client sees it

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def worker_urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self._worker_ports]

    def request(
        self, method: str, path: str, *, url: str | None = None, timeout: float = 30, **options: Any
    ) -> requests.Response:
        """A connection of its own for each request, so that no idle one is met in its end."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, (url or self.urls[0]) + path, timeout=timeout, **options)

    def create(
        self, asked: Asked, quantity: int = 1, key: str | None = None, url: str | None = None
    ) -> requests.Response:
        """``quantity``: of an order for one item."""
        headers = {"Idempotency-Key": key} if key else {}
        body = _body(asked, quantity)
        return self.request("POST", "/api/orders/create", url=url, json=body, headers=headers)

    def create_basket(
        self,
        lines: Mapping[str, int],
        key: str | None = None,
        url: str | None = None,
        **more: Any,
    ) -> requests.Response:
        """``lines``: the quantity of each item. ``more``: other members of the body."""
        headers = {"Idempotency-Key": key} if key else {}
        items = [{"itemId": item, "quantity": quantity} for item, quantity in lines.items()]
        body = {"items": items, **more}
        return self.request("POST", "/api/orders", url=url, json=body, headers=headers)

    def create_at_once(
        self, orders: Sequence[Asked], key: str | None = None
    ) -> list[requests.Response]:
        """All of them at the same time, by turns to each of the API's instances; the answers."""
        with ThreadPoolExecutor(min(len(orders), 100)) as clients:
            sent = [
                clients.submit(self.create, asked, key=key, url=self.urls[n % len(self.urls)])
                for n, asked in enumerate(orders)
            ]
            return [each.result() for each in sent]

    def get(self, order_id: str, url: str | None = None, **options: Any) -> requests.Response:
        return self.request("GET", f"/api/orders/{order_id}", url=url, **options)

    def cancel(self, order_id: str, url: str | None = None, **options: Any) -> requests.Response:
        return self.request("POST", f"/api/orders/{order_id}/cancel", url=url, **options)

    def hold(
        self,
        item: str,
        seconds: Any = 900,
        quantity: int = 1,
        key: str | None = None,
        **options: Any,
    ) -> requests.Response:
        """An order of one item that is held for so long."""
        headers = {"Idempotency-Key": key} if key else {}
        body = {"itemId": item, "quantity": quantity, "holdSeconds": seconds}
        options["headers"] = headers | options.get("headers", {})
        return self.request("POST", "/api/orders", json=body, **options)

    def extend(self, order_id: str, seconds: Any, **options: Any) -> requests.Response:
        body = {"holdSeconds": seconds}
        return self.request("POST", f"/api/orders/{order_id}/extend", json=body, **options)

    def confirm(self, order_id: str, **options: Any) -> requests.Response:
        return self.request("POST", f"/api/orders/{order_id}/confirm", **options)

    def history(self, order_id: str, **options: Any) -> requests.Response:
        return self.request("GET", f"/api/orders/{order_id}/history", **options)

    def stock_changes(self, item: str) -> list[dict[str, Any]]:
        """The item's whole log, newest first, page by page."""
        entries: list[dict[str, Any]] = []
        parameters = {"itemId": item, "limit": "100"}
        while True:
            page = self.request("GET", "/api/stock-changes", params=parameters)
            page.raise_for_status()
            entries += page.json()["stockChanges"]
            if page.json()["nextCursor"] is None:
                return entries
            parameters["cursor"] = page.json()["nextCursor"]

    # --- what is underneath

    def add_item(self, stock: int, price: str | float = "9.99") -> str:
        """A new item in the inventory; its id."""
        return self.items.add(stock, price)

    def stock(self, item: str) -> int:
        return self.items.stock(item)

    def orders(self, item: str | None = None) -> list[dict[str, Any]]:
        """Straight from MongoDB, oldest first; ``item``: those with a line of the item."""
        wanted = {} if item is None else {"itemId": ObjectId(item)}
        return list(self.database["orders"].find(wanted, sort=[("_id", 1)]))

    def await_orders(
        self, item: str, statuses: Mapping[str, int], timeout: float = 20
    ) -> list[dict[str, Any]]:
        """The item's orders, once exactly that many are in each status."""

        def found() -> list[dict[str, Any]]:
            orders = self.orders(item)
            return orders if _counted(orders) == dict(statuses) else []

        if not statuses:
            raise ValueError("Name at least one status.")
        return until(found, f"orders {dict(statuses)}", timeout)

    @property
    def database(self) -> Any:
        if self._store is None:
            # What no majority has yet the API does not show.
            self._store = MongoClient(
                self.parts.mongo_uri,
                tz_aware=True,
                serverSelectionTimeoutMS=10_000,
                readConcernLevel="majority",
            )
        return self._store[self.database_name]

    # --- its processes

    def logs(self, lines: int = 40) -> dict[str, str]:
        """The last lines of each process's log."""
        processes = [*self.api, *self.worker]
        return {each.name: "\n".join(each.log().splitlines()[-lines:]) for each in processes}

    def _api(self, number: int, port: int, app: str) -> ManagedProcess:
        command = ("-m", "gunicorn", "--config", str(CHECKOUT / _CONFIGURATION), app)
        return self._program(f"api {number}", command, PORT=str(port))

    def _program(self, name: str, arguments: Sequence[str], **more: str) -> ManagedProcess:
        return ManagedProcess(
            name,
            [sys.executable, *arguments],
            self.log_dir / f"{name.replace(' ', '-')}.log",
            env=clean_environment({**more, **self.settings}),
            cwd=CHECKOUT,
            patience=_FINISH_TIMEOUT,
        )


def run_from(build: Path, process: ManagedProcess) -> None:
    """The process that is started next is of that checkout, with the packages of this one."""
    configuration = str(process.cwd / _CONFIGURATION)
    process.command = [
        str(build / _CONFIGURATION) if word == configuration else word for word in process.command
    ]
    process.cwd = build
    process.env["PYTHONPATH"] = str(build)


def lines_of(order: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The lines of an order as MongoDB holds it; a single line is stored as the order itself."""
    lines: Sequence[Mapping[str, Any]] = order.get("lines", [order])
    return lines


def _body(asked: Asked, quantity: int) -> dict[str, Any]:
    if isinstance(asked, str):
        return {"itemId": asked, "quantity": quantity}
    return {"items": [{"itemId": item, "quantity": each} for item, each in asked.items()]}


def _answers_200(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def _counted(orders: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    statuses = [str(order["status"]) for order in orders]
    return {status: statuses.count(status) for status in set(statuses)}
