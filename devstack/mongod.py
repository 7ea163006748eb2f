"""A real MongoDB, as a replica set of one (or a standalone server), or of several on loopback."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from devstack import mongod_libraries
from devstack.errors import PartFailed
from devstack.mongod_program import find_mongod, telling_line
from devstack.part import Part
from devstack.ports import LOOPBACK, answers, free_port
from devstack.processes import ManagedProcess

_NOT_YET_INITIALIZED = 94
_START_TIMEOUT = 30
_ELECTION = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}


class Mongod(Part):
    """``replica_set_size`` 1 is a replica set of one, 0 a standalone server."""

    def __init__(
        self,
        data_dir: Path | str,
        port: int | None = None,
        replica_set_size: int = 1,
        *,
        name: str = "MongoDB",
        replica_set: str = "rs0",
        log_path: Path | None = None,
        cache_gb: float = 0.25,
    ) -> None:
        if replica_set_size > 1:
            raise ValueError("For several nodes take MongoCluster(data_dir, nodes=…).")
        self.data_dir = Path(data_dir).resolve()
        self.port = port or free_port()
        self.replica_set = replica_set if replica_set_size else None
        self.forms_own_set = True
        self._cache_gb = cache_gb
        log_path = log_path or self.data_dir / "mongod.log"
        self.process = ManagedProcess(
            name, self._command(), log_path, cwd=Path("/"), telling=telling_line, patience=20
        )

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def uri(self) -> str:
        return self.uri_for("")

    def uri_for(self, database: str) -> str:
        """The URI with a default database in it."""
        query = f"?replicaSet={self.replica_set}" if self.replica_set else ""
        return f"mongodb://{self.address}/{database}{query}"

    def client(self) -> MongoClient[dict[str, Any]]:
        """A client of this node alone; close it after use."""
        return MongoClient(
            f"mongodb://{self.address}/?directConnection=true", serverSelectionTimeoutMS=500
        )

    def _command(self) -> list[str]:
        options = {
            "--dbpath": self.data_dir / "db",
            "--port": self.port,
            "--bind_ip": LOOPBACK,
            "--wiredTigerCacheSizeGB": self._cache_gb,
            "--setParameter": "diagnosticDataCollectionEnabled=false",
        }
        if self.replica_set:
            options |= {"--replSet": self.replica_set, "--oplogSize": 990}
        flat = [str(word) for option in options.items() for word in option]
        return [find_mongod(), *flat, "--nounixsocket"]

    def _prepare(self) -> None:
        (self.data_dir / "db").mkdir(parents=True, exist_ok=True)
        self.process.env = mongod_libraries.environment(self.data_dir / "lib")

    def _until_ready(self) -> None:
        self.process.wait_until(lambda: answers(self.port), _START_TIMEOUT)
        with self.client() as client:
            self.process.wait_until(lambda: _quietly(lambda: _ping(client)), _START_TIMEOUT)
            if self.replica_set and self.forms_own_set:
                self._form_set(client)
                self.process.wait_until(lambda: self._is_primary(client), _START_TIMEOUT)

    def _form_set(self, client: MongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": self.address}
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            config = {"_id": self.replica_set, "members": [member], "settings": _ELECTION}
            client.admin.command("replSetInitiate", config)
            return
        if [m["host"] for m in config["members"]] != [self.address]:
            # At its last start the node listened on another port.
            config |= {"members": [member], "version": config["version"] + 1}
            client.admin.command("replSetReconfig", config, force=True)

    def is_primary(self) -> bool:
        """Whether the node takes writes now."""
        if not self.alive:
            return False
        with self.client() as client:
            return self._is_primary(client)

    @staticmethod
    def _is_primary(client: MongoClient[dict[str, Any]]) -> bool:
        return _quietly(lambda: bool(client.admin.command("hello").get("isWritablePrimary")))


class MongoCluster:
    """A replica set of several nodes on loopback; each can be killed and started again."""

    def __init__(self, data_dir: Path | str, nodes: int = 3, replica_set: str = "rs0") -> None:
        folder = Path(data_dir)
        self.replica_set = replica_set
        self.nodes = [
            Mongod(folder / f"node{n}", name=f"MongoDB node {n}", replica_set=replica_set)
            for n in range(nodes)
        ]
        for node in self.nodes:
            node.forms_own_set = False

    @property
    def uri(self) -> str:
        return self.uri_for("")

    def uri_for(self, database: str) -> str:
        """The URI of all nodes, with a default database in it."""
        hosts = ",".join(node.address for node in self.nodes)
        return f"mongodb://{hosts}/{database}?replicaSet={self.replica_set}"

    def start(self) -> "MongoCluster":
        """Starts the nodes that don't run, and returns once one node is primary."""
        try:
            waiting = [node for node in self.nodes if not node.alive]
            for node in waiting:
                node.launch()
            for node in waiting:
                node.await_ready()
            self._initiate()
            self.primary()
        except BaseException:
            self.kill()
            raise
        return self

    def _initiate(self) -> None:
        members = [{"_id": n, "host": node.address} for n, node in enumerate(self.nodes)]
        config = {"_id": self.replica_set, "members": members, "settings": _ELECTION}
        with self.nodes[0].client() as client:
            try:
                client.admin.command("replSetGetConfig")
            except OperationFailure as error:
                if error.code != _NOT_YET_INITIALIZED:
                    raise
                client.admin.command("replSetInitiate", config)

    def primary(self, timeout: float = 30) -> Mongod:
        """The node that takes writes, waited for up to ``timeout`` s."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for node in self.nodes:
                if node.is_primary():
                    return node
            time.sleep(0.05)
        raise PartFailed(f"No primary among {self._described(self.nodes)} after {timeout:g} s.")

    @staticmethod
    def _described(nodes: Sequence[Mongod]) -> str:
        return ", ".join(f"{n.address} ({'up' if n.alive else 'down'})" for n in nodes)

    def kill(self) -> None:
        """SIGKILL for every node."""
        for node in self.nodes:
            node.kill()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def __enter__(self) -> "MongoCluster":
        return self.start()

    def __exit__(self, *_: object) -> None:
        # Stopped one by one, each node would wait for the other nodes to catch up.
        self.kill()


def _ping(client: MongoClient[dict[str, Any]]) -> bool:
    return bool(client.admin.command("ping"))


def _quietly(probe: Callable[[], bool]) -> bool:
    try:
        return probe()
    except PyMongoError:
        return False
