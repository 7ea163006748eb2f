"""The whole service out of its image, on an embedded MongoDB and Kafka."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from devstack.ports import free_port
from tests.image.containers import Container, Process


@dataclass(frozen=True)
class Stack:
    """``settings``: what every container is given."""

    settings: dict[str, str]
    storage: Path
    api: Container
    worker: Container
    api_process: Process
    worker_process: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['PORT']}"


@pytest.fixture(scope="session")
def storage() -> Path:
    folder = os.environ.get("IMAGE_STORAGE")
    if not folder:
        pytest.skip("there is no image: make test-image builds one, and runs these tests")
    return Path(folder)


@pytest.fixture(scope="session")
def stack(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with (
        Mongod(folder / "mongo") as mongo,
        KafkaBroker(folder / "kafka") as kafka,
        ExitStack() as processes,
    ):
        inventory_port = free_port()
        settings = {
            "MONGO_URI": mongo.uri_for("orders"),
            "KAFKA_BROKER": kafka.bootstrap,
            "INVENTORY_SERVICE_URL": f"http://127.0.0.1:{inventory_port}",
            "AUTH_DISABLED": "true",
            "PORT": str(free_port()),
            "WORKER_PORT": str(free_port()),
        }

        def start(container: Container, command: list[str], name: str) -> Process:
            process = container.start(*command, log=folder / f"{name}.log")
            processes.callback(process.kill)
            return process

        inventory = Container(storage, "inventory", {**settings, "PORT": str(inventory_port)})
        inventory_process = start(inventory, inventory.default_command, "inventory")
        inventory_process.wait_until(
            lambda: _answers_200(f"{settings['INVENTORY_SERVICE_URL']}/health"), 30
        )
        worker = Container(storage, "service", settings)
        migrated = worker.run("order-service", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        api = Container(storage, "service", settings)
        api_process = start(api, api.default_command, "api")
        worker_process = start(worker, ["order-service", "worker"], "worker")
        stack = Stack(settings, storage, api, worker, api_process, worker_process)
        api_process.wait_until(lambda: _answers_200(f"{stack.url}/health/ready"), 30)
        yield stack


def _answers_200(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
