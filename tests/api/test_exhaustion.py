"""What runs out beside the service, a disk or file descriptors, does not end what serves."""

import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.api.deployment import Deployment
from tests.system import Parts, System
from tests.waiting import until

FILES = 1024
IDLE = 2100
# Those that a process has open once it has taken as many of them as it may.
MANY = 640


@pytest.fixture(scope="module")
def base(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The parts and a migrated store, without an API of its own."""
    with System(parts, tmp_path_factory.mktemp("base"), api_processes=0, workers=0) as system:
        yield system


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode != 0:
        pytest.skip("only who may mount can have a disk that is full")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    with (disk / "rubbish").open("wb", buffering=0) as rubbish, suppress(OSError):
        while True:
            rubbish.write(b"x" * 4096)
    assert not os.statvfs(disk).f_bavail


def test_a_full_disk_costs_no_order_and_no_process(
    base: System, small_disk: Path, tmp_path: Path
) -> None:
    deployment = Deployment(base, tmp_path / "service", {"WEB_WORKERS": "2"})
    deployment.process.env["TMPDIR"] = str(small_disk)
    with deployment:
        workers = deployment.workers()
        item = base.add_item(1000)
        fill(small_disk)
        for _ in range(20):
            order = base.create(item, url=deployment.url)
            assert order.status_code == 201
            order_id = order.json()["order"]["_id"]
            # Each of these is a series that was not there before.
            for path in (
                f"/api/orders/{order_id}",
                "/api/orders",
                "/no/such/page",
                "/openapi.json",
            ):
                deployment.get(path)
            assert base.cancel(order_id, url=deployment.url).status_code == 200
        assert deployment.get("/metrics").status_code == 200
        assert deployment.workers() == workers
        # And one that dies meanwhile is replaced.
        [killed, *_] = workers
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(deployment.workers() - {killed}) == 2, "another worker")
        assert base.create(item, url=deployment.url).status_code == 201


@contextmanager
def idle_connections(port: int, number: int) -> Iterator[None]:
    with ExitStack() as stack:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * number), hard))
        for _ in range(number):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
        yield


def open_files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except FileNotFoundError:
        return 0


def test_more_connections_than_file_descriptors_end_no_process(
    base: System, tmp_path: Path
) -> None:
    deployment = Deployment(base, tmp_path / "service", {"WEB_WORKERS": "2"})
    limited = f'ulimit -n {FILES} && exec "$@"'
    deployment.process.command[:0] = ["sh", "-c", limited, "sh"]
    with deployment:
        workers = deployment.workers()
        with idle_connections(deployment.port, IDLE):
            until(
                lambda: (
                    deployment.workers() != workers
                    or all(open_files(each) > MANY for each in workers)
                ),
                "all that they take",
                60,
            )
        until(deployment.is_ready, "an answer", 60)
        assert base.create(base.add_item(1), url=deployment.url).status_code == 201
        assert deployment.workers() == workers


def test_a_limit_of_open_files_that_is_too_low_is_logged_at_the_start(
    base: System, tmp_path: Path
) -> None:
    deployment = Deployment(base, tmp_path / "service", {"WEB_WORKERS": "1"})
    deployment.process.command[:0] = ["sh", "-c", 'ulimit -n 200 && exec "$@"', "sh"]
    with deployment:
        [line] = [each for each in deployment.process.log().splitlines() if "ulimit" in each]
        assert "200 files" in line
