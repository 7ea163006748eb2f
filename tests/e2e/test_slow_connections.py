"""However many clients are slow, the others are served, health answers, and a stop is in time."""

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from devstack.mongod import Mongod
from devstack.ports import LOOPBACK
from tests.misbehaving import MisbehavingInventory, slow
from tests.processes import api_workers
from tests.slow_clients import KINDS, SlowClients
from tests.system import Parts, System
from tests.waiting import until

MANY = 200
# Of each kind, while other tests count this process's descriptors.
FEW = 10
# What is promised is a second. A busy machine may take longer.
HEALTH_WITHIN = 5.0
SLACK = 10.0
NO_KAFKA = f"{LOOPBACK}:1"


@pytest.fixture(scope="module")
def api(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The API alone, with two processes of 32 threads."""
    with System(parts, tmp_path_factory.mktemp("slow"), workers=0) as system:
        yield system


def port_of(system: System) -> int:
    port = urlsplit(system.urls[0]).port
    assert port is not None
    return port


def health(system: System, path: str = "/health/live") -> int:
    return system.request("GET", path, timeout=HEALTH_WITHIN).status_code


@pytest.fixture(scope="module", autouse=True)
def since_the_first_test(api: System) -> Iterator[Mapping[str, SlowClients]]:
    """Slow clients of each kind. The last tests see their ends, and the others need not wait."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(SlowClients(port_of(api), kind, FEW)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_200_slow_clients_of_the_api_hold_up_no_other_client(kind: str, api: System) -> None:
    item = api.add_item(10)
    before = api_workers(api)
    with SlowClients(port_of(api), kind, MANY):
        assert [health(api) for _ in range(10)] == [200] * 10
        assert health(api, "/health/ready") == 200
        assert [api.create(item).status_code for _ in range(5)] == [201] * 5
    assert api_workers(api) == before


def test_a_client_that_expects_100_continue_is_told_to_continue_once(api: System) -> None:
    body = b'{"itemId": "%s", "quantity": 1}' % api.add_item(1).encode()
    with socket.create_connection((LOOPBACK, port_of(api)), timeout=30) as client:
        client.sendall(
            b"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 201 ")


def test_pipelined_answers_reach_a_client_that_reads_late(api: System) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(30)
        client.connect((LOOPBACK, port_of(api)))
        client.sendall(request * 30 + last)
        assert health(api) == 200
        answers = b"".join(iter(lambda: client.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 ") == 31
    assert answers.endswith(b"}")


def test_a_stop_is_in_time_with_200_slow_clients(parts: Parts, tmp_path: Path) -> None:
    with System(parts, tmp_path, workers=0) as system, ExitStack() as stack:
        for kind in KINDS:
            stack.enter_context(SlowClients(port_of(system), kind, MANY // len(KINDS) + 1))
        assert health(system) == 200
        began = time.monotonic()
        system.api[0].terminate()
        until(lambda: not system.api[0].alive, "the end", timeout=30)
        assert time.monotonic() - began < 20
        assert system.api[0].exit_code == 0
        # In order: gunicorn did not have to kill them.
        assert system.api[0].log().count("Worker exiting") == 2


def test_health_answers_while_the_store_is_frozen(parts: Parts, tmp_path: Path) -> None:
    with (
        Mongod(tmp_path / "mongo") as mongo,
        System(
            Parts(mongo, NO_KAFKA, parts.inventory),
            tmp_path,
            {"MONGO_POOL_SIZE": "8"},
            workers=0,
        ) as system,
        ThreadPoolExecutor(120) as clients,
    ):
        os.kill(mongo.pid, signal.SIGSTOP)
        try:
            sent = [clients.submit(system.request, "GET", "/api/orders") for _ in range(120)]
            asked = 0
            while not wait(sent, timeout=0.2).done or asked < 5:
                assert health(system) == 200
                assert system.request("GET", "/metrics", timeout=HEALTH_WITHIN).ok
                asked += 1
            ready = system.request("GET", "/health/ready", timeout=HEALTH_WITHIN)
            assert ready.status_code == 503
            assert ready.json()["dependencies"]["inventory"]["status"] == "ok"
            assert ready.json()["dependencies"]["store"]["detail"]
        finally:
            os.kill(mongo.pid, signal.SIGCONT)
        wait(sent)
        until(lambda: health(system, "/health/ready") == 200, "the store back", timeout=20)


def test_readiness_answers_for_the_store_while_the_inventory_hangs(
    parts: Parts, tmp_path: Path
) -> None:
    with MisbehavingInventory(parts.inventory_url) as proxy:
        there = Parts(parts.mongo, parts.kafka, proxy)
        with System(there, tmp_path, workers=0) as system, ThreadPoolExecutor(30) as probes:
            proxy.misbehave(slow(60), method="GET")
            asked = [probes.submit(health, system, "/health/ready") for _ in range(100)]
            assert [each.result() for each in asked] == [200] * 100
            shown = system.request("GET", "/health/ready").json()["dependencies"]
            assert shown["store"]["status"] == "ok"
            assert shown["inventory"]["status"] == "unavailable"


def test_a_request_that_hangs_does_not_end_the_process_that_serves_others(
    parts: Parts, tmp_path: Path
) -> None:
    settings = {
        "WEB_WORKERS": "1",
        "GUNICORN_CMD_ARGS": "--timeout 2",
        "INVENTORY_READ_TIMEOUT": "6",
        "REQUEST_DEADLINE": "20",
        "LEASE_SECONDS": "20",
        "SETTLE_AFTER": "20",
    }
    with MisbehavingInventory(parts.inventory_url) as proxy:
        there = Parts(parts.mongo, parts.kafka, proxy)
        with System(there, tmp_path, settings, workers=0) as system, ThreadPoolExecutor() as client:
            item = system.add_item(5)
            before = api_workers(system)
            proxy.misbehave(slow(4), method="PATCH", times=1)
            sent = client.submit(system.create, item)
            while not sent.done():
                assert system.request("GET", "/api/orders").status_code == 200
            assert sent.result().status_code == 201
            assert api_workers(system) == before


def test_idle_connections_make_room_for_new_connections(parts: Parts, tmp_path: Path) -> None:
    settings = {"WEB_WORKERS": "1", "GUNICORN_CMD_ARGS": "--worker-connections 100"}
    with (
        System(parts, tmp_path, settings, workers=0) as system,
        SlowClients(port_of(system), "nothing", 150),
        SlowClients(port_of(system), "half a head", 150) as halves,
    ):
        assert health(system) == 200
        assert system.create(system.add_item(1)).status_code == 201
        # Who has sent nothing goes first, then who has waited longest.
        assert halves.open()


def test_more_connections_than_file_descriptors_end_no_api_process(
    parts: Parts, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, limits[1]))
    try:
        system = System(parts, tmp_path, {"WEB_WORKERS": "1"}, workers=0).start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    try:
        before = api_workers(system)
        with SlowClients(port_of(system), "one byte", 500):
            assert health(system) == 200
        assert system.create(system.add_item(1)).status_code == 201
        assert api_workers(system) == before
    finally:
        system.stop()


def resident_mb(pids: frozenset[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * resource.getpagesize() / 2**20


def test_800_bodies_that_lack_their_end_do_not_swell_the_process(
    parts: Parts, tmp_path: Path
) -> None:
    with System(parts, tmp_path, {"WEB_WORKERS": "1"}, workers=0) as system:
        assert health(system) == 200
        before = resident_mb(api_workers(system))
        # 48 MB of bodies, each a byte short.
        with SlowClients(port_of(system), "a body that lacks its end", 800):
            assert health(system) == 200
            assert system.create(system.add_item(1)).status_code == 201
            assert resident_mb(api_workers(system)) < before + 40


def test_requests_beyond_the_workers_connections_are_refused_and_health_is_answered(
    parts: Parts, tmp_path: Path
) -> None:
    settings = {
        "WEB_WORKERS": "1",
        "WEB_THREADS": "8",
        "SCRIPT_NAME": "/shop",
        "GUNICORN_CMD_ARGS": "--worker-connections 40",
        "INVENTORY_READ_TIMEOUT": "4",
    }
    with MisbehavingInventory(parts.inventory_url) as proxy:
        there = Parts(parts.mongo, parts.kafka, proxy)
        with System(there, tmp_path, settings, workers=0) as system, ThreadPoolExecutor(80) as many:
            items = [system.add_item(1) for _ in range(80)]
            proxy.misbehave(slow(1), method="GET")
            sent = [many.submit(system.create, item) for item in items]
            until(lambda: any(each.done() for each in sent), "the first refused")
            # At the root, and where all is mounted.
            assert health(system) == 200
            assert health(system, "/shop/health/live") == 200
            answers = [each.result() for each in sent]
    refused = [each for each in answers if each.status_code == 503]
    assert refused
    assert {each.json()["code"] for each in refused} <= {
        "service_unavailable",
        "inventory_unavailable",
    }
    assert all("Retry-After" in each.headers for each in refused)


def test_a_client_that_resets_its_connection_is_no_error_in_the_log(api: System) -> None:
    for _ in range(50):
        with socket.create_connection((LOOPBACK, port_of(api))) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert health(api) == 200
    assert "connection_failed" not in api.api[0].log()


def test_pipelined_requests_are_answered_in_turn(api: System) -> None:
    paths = ["/health/live", "/api/nothing", "/health/live", "/api/orders?limit=0"]
    requested = b"".join(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths
    )
    # Or it would be kept for seconds.
    requested = requested.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
    with socket.create_connection((LOOPBACK, port_of(api)), timeout=30) as client:
        client.sendall(requested)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert [each[:3] for each in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200", b"400"]


def test_a_connection_is_kept_for_many_requests(api: System) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(50):
            assert session.get(f"{api.urls[0]}/health/live", timeout=10).status_code == 200
        (pool,) = session.get_adapter("http://").poolmanager.pools._container.values()  # type: ignore[attr-defined]
        assert pool.num_connections == 1


def test_every_slow_clients_connection_is_ended_within_a_total_time(
    api: System, since_the_first_test: Mapping[str, SlowClients]
) -> None:
    for kind, clients in since_the_first_test.items():
        left = clients.began + KINDS[kind].within + SLACK - time.monotonic()
        until(lambda clients=clients: not clients.open(), kind, timeout=max(left, 1))
        assert clients.lasted < KINDS[kind].within + SLACK, kind
    assert health(api) == 200


def test_a_client_that_is_too_slow_is_told_408(
    since_the_first_test: Mapping[str, SlowClients],
) -> None:
    halves = since_the_first_test["half a head"]
    until(lambda: not halves.open(), "the end of all", timeout=30)
    assert len(halves.answers()) == FEW
    for answer in halves.answers():
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"Content-Type: application/problem+json" in answer
        assert b'"code": "request_timeout"' in answer
