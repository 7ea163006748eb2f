"""HOST: IPv4, IPv6, names; and one line for what this machine does not have."""

import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from order_service.interface.worker.http import WorkerHttp, make_app
from order_service.settings import Settings, SettingsError, addresses

HEALTHCHECK = Path(__file__).parents[3] / "docker" / "healthcheck.py"
APP = make_app(dict, dict, CollectorRegistry())


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::1", "[::1]"),
        ("::", "[::]"),
        ("localhost", "127.0.0.1"),
    ],
)
def test_an_address_to_bind_is_written_as_in_a_url(host: str, bound: str) -> None:
    assert addresses.bound(host) == bound


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "fe80::1", "nowhere.invalid", "a..b"])
def test_a_host_that_is_no_address_of_this_machine_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        addresses.bound(host)
    [line] = str(refused.value).splitlines()
    assert line.startswith("Bad setting: HOST: ")


def test_the_brackets_around_an_ipv6_host_are_left_out() -> None:
    settings = Settings.load({"HOST": "[::1]"})
    assert settings.host == "::1"
    assert settings.on_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "localhost"])
def test_the_worker_answers_at_its_host_and_the_containers_check_finds_the_worker(
    host: str,
) -> None:
    with WorkerHttp(host, 0, APP) as server:
        client = "::1" if ":" in host else "127.0.0.1"
        connection = HTTPConnection(client, server.port, timeout=5)
        connection.request("GET", "/health/live")
        assert connection.getresponse().status == 200
        connection.close()
        assert check({"HOST": host, "WORKER_PORT": str(server.port)}).returncode == 0
        link = {"HOST": host, "WORKER_PORT": "tcp://10.0.0.7:3101"}
        assert check(link, default=str(server.port)).returncode == 0


def test_the_containers_check_fails_where_no_worker_listens() -> None:
    assert check({"HOST": "::1", "WORKER_PORT": "1"}).returncode != 0


def check(
    environment: dict[str, str], default: str = "3101"
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, HEALTHCHECK, "WORKER_PORT", default],
        env=environment,
        capture_output=True,
        timeout=30,
        check=False,
    )


def test_the_worker_names_a_host_that_it_can_not_listen_on() -> None:
    with pytest.raises(SettingsError, match=r"HOST: 192\.0\.2\.1"):
        WorkerHttp("192.0.2.1", 0, APP)
