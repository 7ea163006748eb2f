"""The services to be measured: how each is started, and what its store holds."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import requests
from bson import ObjectId
from pymongo.collection import Collection

from bench import issuer
from bench.parts import Parts
from bench.usage import await_rest, resident
from devstack.ports import free_port
from devstack.processes import ManagedProcess
from tests.system import CHECKOUT, clean_environment

PROCESSES = 2
_READY_TIMEOUT, _STOP_TIMEOUT, _REST_TIMEOUT = 30, 35, 60
_PYTHON = (sys.executable, "-m")
_GUNICORN = (*_PYTHON, "gunicorn", "--config", str(CHECKOUT / "gunicorn.conf.py"))
_LOGS = CHECKOUT / ".data" / "bench" / "logs"
# Work left in our store: orders without an outcome, and events not yet published.
_OPEN = ({"awaitingSince": {"$exists": True}}, {"outbox.eventId": {"$exists": True}})


@dataclass(frozen=True, slots=True)
class Recipe:
    """``api``, ``worker``: the commands; ``ready``: the path that answers 200 once it serves;
    ``token``: what each request brings, where the service asks for one."""

    name: str
    api: Sequence[str]
    settings: Mapping[str, str]
    folder: Path = CHECKOUT
    worker: Sequence[str] = ()
    ready: str = ""
    token: str = ""

    @property
    def database(self) -> str:
        return f"bench-{self.name}"


def earlier(folder: Path, keys: Path) -> Recipe:
    """The build in ``folder``, run with this checkout's packages; ``keys`` as for ``recipes``."""
    gunicorn = (*_PYTHON, "gunicorn", "--config", str(folder / "gunicorn.conf.py"), "wsgi:app")
    worker = (*_PYTHON, "order_service", "worker")
    token = issuer.token(keys)
    settings = {"PYTHONPATH": os.fspath(folder), **issuer.settings(keys)}
    return Recipe("before", gunicorn, settings, folder, worker, "/health/ready", token)


def recipes(made: Mapping[str, Path], keys: Path) -> dict[str, Recipe]:
    """``made``: the folders of the peers that are ready to run. ``keys``: the folder of the key
    that our service's tokens are signed with."""
    token, guarded = issuer.token(keys), issuer.settings(keys)
    ours, worker = (*_GUNICORN, "wsgi:app"), (*_PYTHON, "order_service", "worker")
    conditional = {**guarded, "INVENTORY_CONTRACT": "conditional"}
    found = [
        Recipe("ours", ours, guarded, worker=worker, ready="/health/ready", token=token),
        Recipe("conditional", ours, conditional, worker=worker, ready="/health/ready", token=token),
        Recipe("bare", (*_GUNICORN, "bench.peers.bare:app"), {}, ready="/hello"),
    ]
    if "express" in made:
        node = {"NODE_ENV": "production", "PROCESSES": str(PROCESSES)}
        found.append(Recipe("express", ("node", "server.js"), node, made["express"]))
    if "fastapi" in made:
        uvicorn = str(made["fastapi"] / "venv" / "bin" / "uvicorn")
        api = (uvicorn, "app:app", "--workers", str(PROCESSES), "--port", "{port}")
        found.append(Recipe("fastapi", api, {}, made["fastapi"]))
    return {each.name: each for each in found}


class Service:
    """A recipe, running."""

    def __init__(self, recipe: Recipe, parts: Parts) -> None:
        self.recipe = recipe
        self.orders: Collection[dict[str, Any]] = parts.orders(recipe.database)
        self._parts = parts
        self._port, self._worker_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        commands = {"api": recipe.api, "worker": recipe.worker}
        self._processes = {
            role: self._process(role, command) for role, command in commands.items() if command
        }

    def migrate(self) -> None:
        self._process("migrate", (*_PYTHON, "order_service", "migrate")).run()

    def __enter__(self) -> Self:
        try:
            for process in self._processes.values():
                process.start()
            for role, process in self._processes.items():
                process.wait_until(partial(self._is_ready, role), _READY_TIMEOUT)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.stop()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes.values()]

    def resident(self) -> dict[str, list[int]]:
        """Bytes of each process, by its role."""
        return {role: resident([process.pid]) for role, process in self._processes.items()}

    def rest(self) -> bool:
        """Whether the service came to rest in time, with no work left."""
        return await_rest(self.pids, self._settled, _REST_TIMEOUT)

    def stored(self) -> int:
        """Orders in the store on which a customer may rely."""
        return self.orders.count_documents({"status": "COMPLETED"})

    def _settled(self) -> bool:
        return not self.recipe.worker or not any(
            self.orders.count_documents(each, limit=1) for each in _OPEN
        )

    def _is_ready(self, role: str) -> bool:
        port = self._worker_port if role == "worker" else self._port
        path = self.recipe.ready or f"/api/orders/{ObjectId()}"
        wanted = 200 if self.recipe.ready else 404
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(f"http://127.0.0.1:{port}{path}", timeout=5)
                return answer.status_code == wanted
        except requests.RequestException:
            return False

    def _process(self, role: str, command: Sequence[str]) -> ManagedProcess:
        name = f"{self.recipe.name} {role}"
        return ManagedProcess(
            name,
            [word.format(port=self._port) for word in command],
            _LOGS / f"{name.replace(' ', '-')}.log",
            env=clean_environment(self._settings()),
            cwd=self.recipe.folder,
            patience=_STOP_TIMEOUT,
        )

    def _settings(self) -> dict[str, str]:
        return {
            "MONGO_URI": self._parts.mongo.uri,
            "MONGO_DATABASE": self.recipe.database,
            "KAFKA_BROKER": self._parts.kafka.bootstrap,
            "INVENTORY_SERVICE_URL": self._parts.inventory.url,
            "PORT": str(self._port),
            "WORKER_PORT": str(self._worker_port),
            "WEB_WORKERS": str(PROCESSES),
            # This service does not consume stock changes from the other services' turns.
            "KAFKA_GROUP": f"bench-{uuid4().hex[:12]}",
            "KAFKA_CONSUMER_AUTO_OFFSET_RESET": "latest",
            "PYTHONPATH": os.fspath(CHECKOUT),
            **self.recipe.settings,
        }
