"""What stops a start: one line that names the setting, and an exit code that is not 0."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from devstack.mongod import Mongod
from devstack.ports import free_port
from tests.system import CHECKOUT, clean_environment

PROGRAMS = {
    "api": ("-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"),
    "worker": ("-m", "order_service", "worker"),
    "migrate": ("-m", "order_service", "migrate"),
}
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
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(
    program: str, name: str, value: str
) -> None:
    stopped = run(PROGRAMS[program], **{name: value})
    assert stopped.returncode != 0
    [line] = (stopped.stdout + stopped.stderr).splitlines()
    assert name in line


def test_a_migration_without_a_store_fails_with_one_line() -> None:
    stopped = run(PROGRAMS["migrate"], MONGO_URI=NOWHERE, STORE_TIMEOUT="0.2")
    assert stopped.returncode == 1
    assert stopped.stderr == "The order store can't be reached.\n"


def test_a_port_that_is_taken_stops_the_worker(mongo: Mongod) -> None:
    stopped = run(PROGRAMS["worker"], MONGO_URI=mongo.uri, WORKER_PORT=str(mongo.port))
    assert stopped.returncode != 0
    assert "WORKER_PORT" in stopped.stderr


def test_help_needs_no_settings() -> None:
    helped = run(("-m", "order_service", "worker", "--help"), PORT="eighty")
    assert helped.returncode == 0
    assert "Usage: order-service worker" in helped.stdout
