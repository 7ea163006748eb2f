"""SIGHUP and SIGUSR2, as an operator uses them, on a service that is being used."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from devstack.ports import free_port
from tests.api.deployment import Deployment
from tests.system import Parts, System
from tests.waiting import until

USERS = 4


@pytest.fixture(scope="module")
def base(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The parts and a migrated store, without an API of its own."""
    system = System(parts, tmp_path_factory.mktemp("base"), api_processes=0, workers=0)
    with system:
        yield system


@pytest.fixture
def deployment(base: System, tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(base, tmp_path / "service", {"WEB_WORKERS": "2"}) as deployment:
        yield deployment


@contextmanager
def in_use(base: System, deployment: Deployment) -> Iterator[list[int | str]]:
    """Orders all the while; yields what became of each, and looks at no failure itself."""
    item, stop, seen = base.add_item(100_000), threading.Event(), list[int | str]()

    def use() -> None:
        while not stop.is_set():
            try:
                seen.append(base.create(item, url=deployment.url).status_code)
            except requests.RequestException as error:
                seen.append(repr(error))

    with ThreadPoolExecutor(USERS) as users:
        using = [users.submit(use) for _ in range(USERS)]
        try:
            until(lambda: len(seen) > 20, "orders")
            yield seen
        finally:
            stop.set()
        for user in using:
            user.result()


def test_a_reload_takes_new_settings_and_fails_no_request(
    base: System, deployment: Deployment
) -> None:
    with in_use(base, deployment) as seen:
        before = deployment.workers()
        deployment.configure(WEB_WORKERS="3")
        deployment.process.signal(signal.SIGHUP)
        until(lambda: len(deployment.workers() - before) == 3, "three new ones", 60)
        until(lambda: not deployment.workers() & before, "the end of the old ones", 60)
        served = len(seen)
        until(lambda: len(seen) > served + 20, "more orders")
    assert set(seen) == {201}
    assert deployment.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "mistake",
    [{"WEB_THREADS": "many"}, {"HOST": "0.0.0.0"}, {"INVENTORY_CONTRACT": "none"}],
    ids=lambda mistake: str(*mistake),
)
def test_a_reload_with_a_mistake_leaves_the_service_as_it_was(
    mistake: dict[str, str], base: System, deployment: Deployment
) -> None:
    [name] = mistake
    with in_use(base, deployment) as seen:
        deployment.configure(**mistake)
        deployment.process.signal(signal.SIGHUP)
        deployment.says("Not reloaded")
        [line] = [each for each in deployment.process.log().splitlines() if "Not reloaded" in each]
        assert name in line
        # What is forked from now on has the settings that run, too.
        [first, *_] = deployment.workers()
        os.kill(first, signal.SIGKILL)
        until(lambda: first not in deployment.workers(), "its end")
        served = len(seen)
        # Later than the lease that it may have held.
        until(lambda: len(seen) > served + 20, "more orders", 40)
    assert deployment.process.alive
    until(deployment.is_ready, "readiness")


def test_a_reload_with_a_value_that_only_a_library_refuses_leaves_the_service_as_it_was(
    base: System, deployment: Deployment
) -> None:
    workers = deployment.workers()
    deployment.configure(MONGO_URI="mongodb://shop:p@ss@127.0.0.1:1/orders")
    deployment.process.signal(signal.SIGHUP)
    deployment.says("Not reloaded")
    until(lambda: not deployment.workers() & workers, "the end of the first ones", 60)
    until(deployment.is_ready, "readiness")
    assert base.create(base.add_item(1), url=deployment.url).status_code == 201


def test_a_reload_opens_no_service_that_listens_beyond_loopback(
    base: System, tmp_path: Path
) -> None:
    settings = {"WEB_WORKERS": "1", "AUTH_DISABLED": "true"}
    # What is bound counts, and HOST is 127.0.0.1.
    port = free_port()
    bind = ("--bind", f"0.0.0.0:{port}")
    with Deployment(base, tmp_path / "service", settings, *bind, port=port) as deployment:
        deployment.configure(AUTH_DISABLED="false")
        deployment.process.signal(signal.SIGHUP)
        deployment.says("Not reloaded")
        until(deployment.is_ready, "readiness")


def test_an_env_file_that_is_no_text_does_not_end_a_running_service(
    base: System, deployment: Deployment
) -> None:
    (deployment.folder / ".env").write_bytes(b"\xff\xfe\x00PORT")
    deployment.process.signal(signal.SIGHUP)
    deployment.says("Not reloaded")
    until(deployment.is_ready, "readiness")
    assert base.create(base.add_item(1), url=deployment.url).status_code == 201


def test_an_upgrade_has_metrics_and_outlives_its_workers_and_the_old_master(
    base: System, deployment: Deployment
) -> None:
    old = deployment.process.pid
    first = deployment.workers()
    # What a reload set in the environment, the new master inherits.
    deployment.process.signal(signal.SIGHUP)
    until(lambda: not deployment.workers() & first, "the end of the first ones", 60)
    workers = deployment.workers()
    deployment.process.signal(signal.SIGUSR2)
    [new] = until(lambda: deployment.workers() - workers, "a new master")
    try:
        until(lambda: len(deployment.workers(new)) == 2, "its workers", 60)
        os.kill(old, signal.SIGTERM)
        until(lambda: not deployment.process.alive, "the end of the old master", 40)
        until(deployment.is_ready, "the new one answers")
        [killed, *_] = deployment.workers(new)
        os.kill(killed, signal.SIGKILL)
        until(
            lambda: killed not in deployment.workers(new) and len(deployment.workers(new)) == 2,
            "another worker",
        )
        for _ in range(8):
            assert deployment.get("/metrics").status_code == 200
        assert base.create(base.add_item(1), url=deployment.url).status_code == 201
    finally:
        with suppress(ProcessLookupError):
            os.kill(new, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{new}/cwd").exists(), "the end of the new master", 40)
