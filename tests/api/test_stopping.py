"""SIGTERM: readiness says so first, and nobody who was let in is sent away."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.api.conftest import ONE_PROCESS
from tests.misbehaving import MisbehavingInventory, slow
from tests.system import Parts, System
from tests.waiting import until

SLOW = 2.0


@pytest.fixture
def proxy(parts: Parts) -> Iterator[MisbehavingInventory]:
    with MisbehavingInventory(parts.inventory_url) as proxy:
        yield proxy


def readiness(system: System) -> tuple[int, str | None]:
    answer = system.request("GET", "/health/ready", timeout=5)
    process = answer.json()["dependencies"].get("process", {})
    return answer.status_code, process.get("detail")


def test_a_stopping_process_finishes_requests_in_flight_and_its_readiness_is_503(
    parts: Parts, proxy: MisbehavingInventory, tmp_path: Path
) -> None:
    there = Parts(parts.mongo, parts.kafka, proxy)
    settings = ONE_PROCESS | {"INVENTORY_READ_TIMEOUT": "4"}
    with System(there, tmp_path, settings, workers=0) as system, ThreadPoolExecutor() as clients:
        item = system.add_item(5)
        proxy.misbehave(slow(SLOW), method="PATCH")
        sent = clients.submit(system.create, item)
        until(lambda: any("PATCH" in each for each in proxy.requests), "the deduction under way")
        system.api[0].terminate()
        told = until(lambda: not sent.done() and readiness(system)[0] == 503, "a 503")
        assert told
        assert readiness(system) == (503, "It is stopping.")
        assert sent.result(timeout=20).status_code == 201
        until(lambda: not system.api[0].alive, "the end", timeout=30)


def test_an_idle_process_that_is_told_to_stop_ends_at_once(parts: Parts, tmp_path: Path) -> None:
    with System(parts, tmp_path, ONE_PROCESS, workers=0) as system:
        system.api[0].terminate()
        until(lambda: not system.api[0].alive, "the end", timeout=30)
        with pytest.raises(requests.ConnectionError):
            readiness(system)


def test_a_stopping_process_takes_requests_until_stop_delay_is_over(
    parts: Parts, tmp_path: Path
) -> None:
    with System(parts, tmp_path, ONE_PROCESS | {"STOP_DELAY": "3"}, workers=0) as system:
        system.api[0].terminate()
        until(lambda: readiness(system)[0] == 503, "a 503", timeout=10)
        answer = system.request("GET", "/api/orders")
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        until(lambda: not system.api[0].alive, "the end", timeout=30)


def test_a_kept_connection_is_served_once_more_after_others_are_refused(
    parts: Parts, tmp_path: Path
) -> None:
    # A busy machine may take longer than the keepalive of gunicorn.conf.py.
    settings = ONE_PROCESS | {"GUNICORN_CMD_ARGS": "--keep-alive 60"}
    with System(parts, tmp_path, settings, workers=0) as system, requests.Session() as kept:
        kept.trust_env = False
        url = f"{system.urls[0]}/health/live"
        assert kept.get(url, timeout=10).headers["Connection"] == "keep-alive"
        system.api[0].terminate()
        until(lambda: is_refused(system), "others refused")
        last = kept.get(url, timeout=10)
        assert (last.status_code, last.headers["Connection"]) == (200, "close")


def test_no_connection_is_accepted_and_then_left_while_several_processes_stop(
    parts: Parts, tmp_path: Path
) -> None:
    with System(parts, tmp_path, {"WEB_WORKERS": "3"}, workers=0) as system:
        with ThreadPoolExecutor(16) as clients:
            asking = [clients.submit(ask_until_refused, system) for _ in range(16)]
            until(lambda: all(each.running() for each in asking), "all asking")
            system.api[0].terminate()
            assert {status for each in asking for status in each.result()} == {200}
        until(lambda: not system.api[0].alive, "the end", timeout=30)


def is_refused(system: System) -> bool:
    address = urlsplit(system.urls[0])
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def ask_until_refused(system: System) -> list[int]:
    """The answers, each on a connection of its own. Raises OSError where a connection was taken,
    and not served."""
    address = urlsplit(system.urls[0])
    answers = []
    while True:
        asked = HTTPConnection(str(address.hostname), address.port, timeout=20)
        try:
            asked.connect()
        except ConnectionRefusedError:
            return answers
        with closing(asked):
            asked.request("GET", "/health/live")
            answers.append(asked.getresponse().status)
