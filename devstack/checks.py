"""Checks before any part is started: of the ports, and of the configured servers."""

import errno
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devstack.configuration import Configuration
from devstack.errors import DevstackError
from devstack.ports import answers, bind_problem

_PATIENCE = 2.0


def check(configuration: Configuration) -> None:
    """Raises DevstackError with one line that names the setting and the remedy."""
    _check_port("PORT", configuration.port, configuration.host)
    # 0 means no port.
    if configuration.worker_port:
        _check_port("WORKER_PORT", configuration.worker_port, configuration.host)
    if configuration.mongo_uri:
        _check_mongo(configuration.mongo_uri)
    if configuration.kafka_broker:
        _check_kafka(configuration.kafka_broker)
    if configuration.inventory_url:
        _check_inventory(configuration.inventory_url)


def _check_port(name: str, port: int, host: str) -> None:
    problem = bind_problem(port, host)
    if problem is None:
        return
    if problem.errno == errno.EADDRINUSE:
        raise DevstackError(
            f"{name} {port} is taken by another program on {host}: stop that program, "
            f"or choose another port: make run {name}={port + 10 if port < 65000 else port - 10}"
        )
    if problem.errno == errno.EACCES:
        raise DevstackError(f"{name} {port} is not yours to open: choose one from 1024 to 65535.")
    raise DevstackError(f"HOST {host} is no address of this machine: {problem.strerror}.")


def _check_mongo(uri: str) -> None:
    try:
        made: MongoClient[dict[str, object]] = MongoClient(
            uri, connect=False, serverSelectionTimeoutMS=int(_PATIENCE * 1000)
        )
    except Exception:  # noqa: BLE001  (the driver does not list its errors, which hold parts of the URI)
        raise DevstackError(
            "MONGO_URI is set, and MongoDB's driver can't read it: it should look like "
            "mongodb://user:password@host:port, with : / ? # [ ] @ % in the password encoded."
        ) from None
    try:
        with made as client:
            client.admin.command("ping")
    except PyMongoError as error:
        # The URI itself may hold a password.
        reason = str(error).partition(" (configured")[0].partition(", Timeout:")[0]
        raise DevstackError(
            f"MONGO_URI is set, and that MongoDB does not answer: {reason}. Start it, correct "
            "MONGO_URI, or unset it to have one started here."
        ) from error


def _check_kafka(bootstrap: str) -> None:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if port.isdecimal() and answers(int(port), host.strip("[]"), timeout=_PATIENCE):
            return
    raise DevstackError(
        f"KAFKA_BROKER is set, and nothing answers at {bootstrap}. Start that broker, correct "
        "KAFKA_BROKER (host:port), or unset it to have one started here."
    )


def _check_inventory(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        host, port = None, 0
    if host is None:
        raise DevstackError("INVENTORY_SERVICE_URL is no URL: it should look like http://host:port")
    if not answers(port, host, timeout=_PATIENCE):
        raise DevstackError(
            f"INVENTORY_SERVICE_URL is set, and nothing answers at {host}:{port}. Start that "
            "service, correct INVENTORY_SERVICE_URL, or unset it to have a sample started here."
        )
