"""A real Apache Kafka in KRaft mode: one broker, or a cluster of several nodes on loopback."""

import base64
import contextlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack.errors import PartFailed
from devstack.kafka_properties import Seat, logging_options, server_properties, telling_line
from devstack.kafka_runtime import KafkaRuntime, Say, kafka_runtime, say_on_stderr
from devstack.part import Part
from devstack.ports import LOOPBACK, answers, free_port
from devstack.processes import ManagedProcess, last_telling_line

_START_TIMEOUT = 60


class KafkaBroker(Part):
    """One node: broker and controller. Topics are created on first use, with 4 partitions."""

    def __init__(
        self,
        data_dir: Path | str,
        port: int | None = None,
        *,
        name: str = "Kafka",
        log_path: Path | None = None,
        partitions: int = 4,
        say: Say = say_on_stderr,
    ) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.port = port or free_port()
        self.partitions = partitions
        self.say = say
        self.seat = Seat(1, self.port, free_port())
        self.seats: Sequence[Seat] = (self.seat,)
        self.cluster_id = _new_cluster_id()
        # Files have names inside Kafka's own folder: Kafka reads properties as Latin-1, and takes a
        # comma for the end of a path.
        self.process = ManagedProcess(
            name,
            [],
            log_path or self.data_dir / "kafka.log",
            cwd=self.data_dir,
            telling=telling_line,
            patience=20,
        )

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def take_seat(self, seat: Seat, seats: Sequence[Seat], cluster_id: str) -> None:
        """Makes this broker a node of a cluster. Call it before the first start."""
        self.seat, self.seats, self.cluster_id = seat, seats, cluster_id

    def _prepare(self) -> None:
        self._make_ready(kafka_runtime(self.say, train_startup))

    def _make_ready(self, runtime: KafkaRuntime, train: bool = False) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not (self.data_dir / "log").exists():
            self._format(runtime)
        config = self._write_properties("server.properties", "log")
        command = runtime.command("kafka.Kafka", config, train=train)
        self.process.command = [command[0], *logging_options(), *command[1:]]
        self.process.env = runtime.environment()

    def _format(self, runtime: KafkaRuntime) -> None:
        # Renamed when whole: a start that is cut short leaves no half-formatted folder.
        unfinished = self.data_dir / "formatting"
        shutil.rmtree(unfinished, ignore_errors=True)
        config = self._write_properties("format.properties", unfinished.name)
        arguments = ("format", "-t", self.cluster_id, "-c", config)
        done = subprocess.run(
            runtime.command("kafka.tools.StorageTool", *arguments),
            cwd=self.data_dir,
            env=runtime.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = last_telling_line(done.stdout + done.stderr)
            raise PartFailed(f"{self.process.name} can't lay out {self.data_dir}: {reason}")
        unfinished.rename(self.data_dir / "log")

    def _write_properties(self, name: str, logs: str) -> str:
        values = server_properties(self.seat, self.seats, logs, self.partitions)
        lines = (f"{key}={value}\n" for key, value in values.items())
        (self.data_dir / name).write_text("".join(lines), encoding="ascii")
        return name

    def _until_ready(self) -> None:
        self.process.wait_until(lambda: answers(self.port), _START_TIMEOUT)
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self.process.wait_until(lambda: self._is_registered(admin), _START_TIMEOUT)

    def _is_registered(self, admin: AdminClient) -> bool:
        try:
            return self.seat.node_id in admin.list_topics(timeout=1).brokers
        except KafkaException:
            return False


class KafkaCluster:
    """Several nodes; each can be killed and started again."""

    def __init__(
        self, data_dir: Path | str, nodes: int = 3, *, partitions: int = 4, say: Say = say_on_stderr
    ) -> None:
        folder = Path(data_dir).resolve()
        self.nodes = [
            KafkaBroker(folder / f"node{n}", name=f"Kafka node {n}", partitions=partitions, say=say)
            for n in range(1, nodes + 1)
        ]
        seats = [Seat(n, b.port, b.seat.controller_port) for n, b in enumerate(self.nodes, 1)]
        cluster_id = _kept_cluster_id(folder / "cluster_id")
        for node, seat in zip(self.nodes, seats, strict=True):
            node.take_seat(seat, seats, cluster_id)

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> "KafkaCluster":
        """Starts the nodes that don't run, and returns once each node is in the cluster."""
        waiting = [node for node in self.nodes if not node.alive]
        try:
            for node in waiting:
                node.launch()
            for node in waiting:
                node.await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def node(self, node_id: int) -> KafkaBroker:
        """The node with the id that Kafka's metadata names (leader, replicas)."""
        return next(n for n in self.nodes if n.seat.node_id == node_id)

    def kill(self) -> None:
        """SIGKILL for every node."""
        for node in self.nodes:
            node.kill()

    def stop(self) -> None:
        # Signalled together: the last node alone could hand its partitions to no other.
        for node in self.nodes:
            node.process.terminate()
        for node in self.nodes:
            node.stop()

    def __enter__(self) -> "KafkaCluster":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


def train_startup(runtime: KafkaRuntime) -> None:
    """Runs a broker once for the archive that makes every later start quick (about 10 s)."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(PartFailed):
        broker = KafkaBroker(folder, name="Kafka's trial run")
        broker._make_ready(runtime, train=True)
        broker.process.start()
        broker.await_ready()
        broker.process.patience = 60
        broker.stop()


def _new_cluster_id() -> str:
    # Kafka refuses an id that begins with a hyphen.
    return "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def _kept_cluster_id(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_new_cluster_id())
    return path.read_text()
