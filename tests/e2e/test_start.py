"""What stops a start: one line that names the setting, and an exit code that is not 0."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from devstack.ports import free_port
from tests.system import CHECKOUT, Parts, System, clean_environment

PROGRAMS = {
    "api": ("-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"),
    "worker": ("-m", "order_service", "worker"),
    "migrate": ("-m", "order_service", "migrate"),
}
SECRET = "hunter2"
NOWHERE = f"mongodb://127.0.0.1:{free_port()}"


def run(arguments: Sequence[str], **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env=clean_environment(settings),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("program", "name", "value"),
    [
        ("api", "PORT", "eighty"),
        ("api", "HOST", "0.0.0.0"),
        ("worker", "LEASE_SECONDS", "1"),
        ("worker", "KAFKA_CONSUMER_FETCH_MIN_BYTES", "many"),
        ("migrate", "MONGO_URI", "localhost:27017"),
        ("api", "MONGO_URI", f"mongodb://shop:p@{SECRET}@127.0.0.1/orders"),
        ("worker", "MONGO_URI", f"mongodb://shop:{SECRET}@127.0.0.1/orders?bogus=1"),
        ("api", "MONGO_URI", f"mongodb://shop:{SECRET}@127.0.0.1/admin"),
        ("api", "REDIS_URL", "redis://127.0.0.1:1/0?bogus=1"),
        ("api", "REDIS_URL", f"redis://:p/{SECRET}@127.0.0.1:1/0"),
        ("worker", "INVENTORY_SERVICE_URL", f"http://shop:{SECRET}@127.0.0.1:port"),
        ("api", "INVENTORY_CA_FILE", "/absent.pem"),
        ("api", "AUTH_JWKS_URL", f"https://127.0.0.1:port/keys?key={SECRET}"),
        ("api", "HOST", "::1%lo"),
        ("api", "HOST", "192.0.2.1"),
        ("worker", "HOST", "192.0.2.1"),
        ("api", "HOST", "nowhere.invalid"),
        ("worker", "KAFKA_STOCK_TOPICS", "a,a"),
        ("worker", "KAFKA_SECURITY_PROTOCOL", SECRET),
        ("worker", "KAFKA_SECURTY_PROTOCOL", "SSL"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(
    program: str, name: str, value: str
) -> None:
    meant = {"AUTH_DISABLED": "true"} if name == "HOST" and value != "0.0.0.0" else {}
    stopped = run(PROGRAMS[program], **meant, **{name: value})
    assert stopped.returncode != 0
    [line] = (stopped.stdout + stopped.stderr).splitlines()
    assert line.startswith("Bad setting: ")
    assert name in line
    assert SECRET not in line


def test_a_migration_without_a_store_fails_with_one_line() -> None:
    stopped = run(PROGRAMS["migrate"], MONGO_URI=NOWHERE, STORE_TIMEOUT="0.2")
    assert stopped.returncode == 1
    assert stopped.stderr == "The order store can't be reached.\n"


def test_a_port_that_is_taken_stops_the_worker(mongo: Mongod) -> None:
    stopped = run(PROGRAMS["worker"], MONGO_URI=mongo.uri, WORKER_PORT=str(mongo.port))
    assert stopped.returncode != 0
    assert "WORKER_PORT" in stopped.stderr


@pytest.mark.parametrize("program", ["api", "worker", "migrate"])
@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb+srv://shop:{SECRET}@nowhere.invalid/orders",
        f"mongodb://shop:{SECRET}@127.0.0.1:1/orders?minPoolSize=100",
    ],
)
def test_a_mongo_uri_that_only_the_driver_refuses_is_one_line_without_a_traceback(
    program: str, uri: str
) -> None:
    stopped = run(PROGRAMS[program], MONGO_URI=uri, PORT=str(free_port()), WEB_WORKERS="4")
    said = stopped.stdout + stopped.stderr
    assert stopped.returncode != 0
    assert said.count("Bad setting: ") == 1
    assert "\nBad setting: MONGO_URI: " in f"\n{said}"
    assert "Traceback" not in said
    assert SECRET not in said


def test_the_help_of_the_command_needs_no_settings() -> None:
    helped = run(("-m", "order_service", "worker", "--help"), PORT="eighty")
    assert helped.returncode == 0
    assert "Usage: order-service worker" in helped.stdout


def test_api_and_worker_listen_on_ipv6_and_pass_over_what_kubernetes_sets(
    mongo: Mongod, kafka: KafkaBroker, inventory: SampleInventory, tmp_path: Path
) -> None:
    """``::`` takes IPv4 as well, which the readiness of the two is asked for over."""
    service = {"SERVICE_HOST": "10.0.0.7", "SERVICE_PORT": "9092", "PORT": "tcp://10.0.0.7:9092"}
    links = {f"KAFKA_{name}": value for name, value in service.items()}
    listening = {"HOST": "::", "AUTH_DISABLED": "true", "STOP_DELEY": "4"}
    parts = Parts(mongo, kafka, inventory)
    with System(parts, tmp_path, listening | links) as system:
        for url in [*system.urls, *system.worker_urls]:
            there = url.replace("127.0.0.1", "[::1]")
            assert system.request("GET", "/health/live", url=there).status_code == 200
    for process in [*system.api, *system.worker]:
        assert process.log_path.read_text().count('"name": "STOP_DELEY"') == 1
