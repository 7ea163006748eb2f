"""How a Kafka node of the devstack is configured, and how to read its log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devstack.ports import LOOPBACK
from devstack.processes import last_telling_line


@dataclass(frozen=True)
class Seat:
    """A node's place in its cluster."""

    node_id: int
    port: int
    controller_port: int


def server_properties(
    seat: Seat, seats: Sequence[Seat], log_dir: str, partitions: int
) -> dict[str, str]:
    """The configuration of a node that is both broker and controller.

    ``log_dir``: relative to the folder that the node runs in.
    """
    copies = min(3, len(seats))
    in_sync = max(1, copies - 1)
    controllers = (f"{s.node_id}@{LOOPBACK}:{s.controller_port}" for s in seats)
    listeners = {"PLAINTEXT": seat.port, "CONTROLLER": seat.controller_port}
    values = {
        "process.roles": "broker,controller",
        "node.id": seat.node_id,
        "controller.quorum.voters": ",".join(controllers),
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(f"{n}://{LOOPBACK}:{p}" for n, p in listeners.items()),
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{seat.port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": log_dir,
        "num.partitions": partitions,
        "auto.create.topics.enable": "true",
        # The broker expands a batch, and the result has to fit into max.message.bytes. Else a
        # batch could expand without bound in a consumer.
        "compression.type": "uncompressed",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        # With KIP-848 a rebalance takes a heartbeat or two: of 1 s here, instead of 5.
        "group.consumer.min.heartbeat.interval.ms": 1000,
        "group.consumer.heartbeat.interval.ms": 1000,
        # A killed node is missed after 3 s instead of 9.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 3000,
        # Indexes are allocated at full size while a segment is written: 10 MB a partition else.
        "log.index.size.max.bytes": 1_048_576,
        # The smallest footprint at which one broker of a laptop still keeps up.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 16_777_216,
    }
    return {name: str(value) for name, value in values.items()}


def telling_line(log: str) -> str:
    """The last error in Kafka's log, else the last telling line."""
    lines = log.splitlines()
    errors = [n for n, line in enumerate(lines) if " ERROR " in line or "Exception in" in line]
    if not errors:
        return last_telling_line(log)
    # An error's cause is on the line after it.
    return " ".join(line.strip() for line in lines[errors[-1] : errors[-1] + 2])[:300]


def logging_options() -> list[str]:
    """JVM options for a short log with times."""
    options: Mapping[str, str] = {
        "showDateTime": "true",
        "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSS",
        "defaultLogLevel": "warn",
        "log.kafka.server": "info",
    }
    return [f"-Dorg.slf4j.simpleLogger.{name}={value}" for name, value in options.items()]
