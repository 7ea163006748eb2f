"""All that ``make run`` runs, started with little waiting, stopped in the reverse order."""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from devstack.configuration import Configuration
from devstack.errors import DevstackError, PartFailed
from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.kafka_runtime import Say
from devstack.mongod import Mongod
from devstack.part import Part
from devstack.ports import free_port
from devstack.processes import ManagedProcess

_MONGO_PORT, _KAFKA_PORT, _INVENTORY_PORT = 27117, 9192, 3200
_READY_TIMEOUT = 60
# Longer than API and worker take at most to finish their work in hand.
_FINISH_TIMEOUT = 35


class Stack:
    """The parts and the service on top, with their data in ``data_dir``."""

    def __init__(self, configuration: Configuration, data_dir: Path, say: Say) -> None:
        self.configuration = configuration
        self.data_dir = data_dir
        self.addresses: dict[str, str] = {}
        self.embedded: set[str] = set()
        self._say = say
        self._running: list[ManagedProcess] = []
        self._last_answer = "nothing"

    def start(self) -> None:
        """Returns once the API is ready. After a DevstackError parts already started run on."""
        mongo = self._mongo()
        kafka = self._kafka()
        if mongo:
            mongo.await_ready()
        inventory = self._inventory()
        # First: a program that reads the settings may find this key's file in them.
        self._make_dev_key()
        self._migrate()
        for part in (kafka, inventory):
            if part:
                part.await_ready()
        self._serve()

    def _mongo(self) -> Part | None:
        given = self.configuration.mongo_uri
        if given:
            self.addresses["MONGO_URI"] = given
            return None
        mongo = Mongod(
            self.data_dir / "mongodb", free_port(_MONGO_PORT), log_path=self._log("mongodb")
        )
        return self._embed("MONGO_URI", mongo.uri_for("orders"), mongo)

    def _kafka(self) -> Part | None:
        given = self.configuration.kafka_broker
        if given:
            self.addresses["KAFKA_BROKER"] = given
            return None
        kafka = KafkaBroker(
            self.data_dir / "kafka",
            free_port(_KAFKA_PORT),
            log_path=self._log("kafka"),
            say=self._say,
        )
        return self._embed("KAFKA_BROKER", kafka.bootstrap, kafka)

    def _inventory(self) -> Part | None:
        given = self.configuration.inventory_url
        if given:
            self.addresses["INVENTORY_SERVICE_URL"] = given
            return None
        inventory = SampleInventory(
            self.addresses["MONGO_URI"],
            self.addresses["KAFKA_BROKER"],
            free_port(_INVENTORY_PORT),
            log_path=self._log("inventory"),
        )
        return self._embed("INVENTORY_SERVICE_URL", inventory.url, inventory)

    def _embed(self, setting: str, address: str, part: Part) -> Part:
        self._say(f"{setting} is not set: starting {part.process.title}")
        self.addresses[setting] = address
        self.embedded.add(setting)
        self._running.append(part.process)
        part.launch()
        return part

    def _migrate(self) -> None:
        self._program("order-service migrate", "migrate", "order-service", "migrate").run()

    def _make_dev_key(self) -> None:
        """``order-service dev-token`` signs with this key, so that tokens can be tried at once."""
        if not (self.data_dir / "dev-keys" / "key.pem").exists():
            arguments = ("dev-token", "--sub", "nobody", "--hours", "0")
            self._program("order-service dev-token", "dev-token", "order-service", *arguments).run()

    def _serve(self) -> None:
        worker = self._program("The worker", "worker", "order-service", "worker")
        api = self._program("The API", "api", "gunicorn", "wsgi:app")
        for process in (worker, api):
            self._running.append(process)
            process.start()
        try:
            api.wait_until(self._is_ready, _READY_TIMEOUT)
        except PartFailed:
            if api.alive:
                raise PartFailed(
                    f"The API was not ready after {_READY_TIMEOUT} s; /health/ready answered "
                    f"{self._last_answer} (log: {api.log_path})"
                ) from None
            raise

    def _program(self, name: str, log_name: str, script: str, *arguments: str) -> ManagedProcess:
        program = Path(sys.executable).parent / script
        if not program.is_file():
            raise DevstackError(f"{program} is missing: run make install.")
        return ManagedProcess(
            name,
            [str(program), *arguments],
            self._log(log_name),
            env=self._environment(),
            patience=_FINISH_TIMEOUT,
        )

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings with which a program of the service, in any folder, reaches the parts."""
        return {**self.addresses, "INVENTORY_CONTRACT": self.configuration.contract}

    def _environment(self) -> Mapping[str, str]:
        port = str(self.configuration.port)
        # The address is known by now, whichever of the two names it.
        files = {f"{name}_FILE": "" for name in self.addresses}
        return {**os.environ, **files, **self.addresses, "PORT": port, "PYTHONUNBUFFERED": "1"}

    def _is_ready(self) -> bool:
        api = self.configuration
        connection = HTTPConnection(api.reachable_host, api.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            answer = connection.getresponse()
            self._last_answer = f"{answer.status}: {answer.read(500).decode(errors='replace')}"
            return answer.status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _log(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"

    def check(self) -> None:
        """Raises PartFailed for a part that has died."""
        for process in self._running:
            if not process.alive:
                raise process.failure()

    def stop(self) -> None:
        """API, worker, inventory, Kafka, MongoDB: each after the programs that need it."""
        for process in reversed(self._running):
            process.stop()

    def hurry(self) -> None:
        """Cuts a running ``stop`` short. May be called from a signal handler."""
        for process in self._running:
            process.shoot()
