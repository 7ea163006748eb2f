"""How else gunicorn and others can be told to serve the API: rightly, or not at all."""

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.ports import free_port
from devstack.processes import ManagedProcess
from tests.api.deployment import GUNICORN
from tests.system import CHECKOUT, clean_environment
from tests.waiting import until

EVERYWHERE = "0.0.0.0"
FLASK = GUNICORN.with_name("flask")


def ended(
    *command: str | Path, cwd: Path = CHECKOUT, files: Sequence[int] = (), **settings: str
) -> "tuple[int, list[str]]":
    """Its exit code, and the lines that are not gunicorn's own."""
    done = subprocess.run(
        command,
        env=clean_environment(settings),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        pass_fds=files,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in lines if not line.startswith("[")]


@pytest.mark.parametrize("host", [EVERYWHERE, "[::]", "[::ffff:0.0.0.0]", ""])
def test_gunicorn_bound_beyond_loopback_by_its_command_line_needs_an_issuer(host: str) -> None:
    code, [line] = ended(GUNICORN, "--bind", f"{host}:{free_port()}", "wsgi:app")
    assert code == 1
    assert "AUTH_JWKS_URL" in line


def test_gunicorn_bound_beyond_loopback_by_its_environment_needs_an_issuer() -> None:
    arguments = f"--bind 127.0.0.1:{free_port()} --bind {EVERYWHERE}:{free_port()}"
    code, [line] = ended(GUNICORN, "wsgi:app", GUNICORN_CMD_ARGS=arguments)
    assert code == 1
    assert EVERYWHERE in line


def test_gunicorn_on_an_inherited_socket_beyond_loopback_needs_an_issuer() -> None:
    with socket.create_server((EVERYWHERE, 0)) as listening:
        file = listening.fileno()
        code, [line] = ended(GUNICORN, "--bind", f"fd://{file}", "wsgi:app", files=[file])
    assert code == 1
    assert EVERYWHERE in line


@pytest.mark.parametrize("option", ["--chdir", "--config"])
def test_gunicorn_without_its_configuration_is_refused(option: str, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("workers = 1\n")
    given = str(CHECKOUT if option == "--chdir" else tmp_path / "other.py")
    arguments = ["--no-control-socket", "--bind", f"127.0.0.1:{free_port()}", option, given]
    # A package of its own would be found; wsgi.py is in the checkout.
    code, lines = ended(GUNICORN, *arguments, "wsgi:app", cwd=tmp_path, PYTHONPATH=str(CHECKOUT))
    assert code != 0
    [line] = lines
    assert "gunicorn.conf.py" in line


def test_a_server_other_than_gunicorn_is_refused() -> None:
    code, [line] = ended(FLASK, "--app", "wsgi", "run", "--port", str(free_port()))
    assert code != 0
    assert "gunicorn.conf.py" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--preload",),
        ("--worker-class", "sync", "--threads", "1"),
        ("--env", "SCRIPT_NAME=/shop"),
        ("--env", "OTHER=1", "--env", "WEB_THREADS=eight"),
    ],
)
def test_a_gunicorn_option_that_breaks_the_services_promises_is_refused(
    arguments: Sequence[str],
) -> None:
    bind = f"127.0.0.1:{free_port()}"
    code, lines = ended(GUNICORN, *arguments, "--bind", bind, "wsgi:app", LOG_LEVEL="ERROR")
    assert code == 1
    [line] = lines
    assert arguments[0] in line


def test_gunicorns_check_of_the_configuration_needs_no_servers() -> None:
    assert ended(GUNICORN, "--check-config", "wsgi:app", LOG_LEVEL="ERROR") == (0, [])


@contextmanager
def running(folder: Path, *arguments: str, cwd: Path = CHECKOUT, **settings: str) -> Iterator[str]:
    """Its log, once it serves."""
    name, given = "api", clean_environment({"WEB_WORKERS": "1", **settings})
    command = [str(GUNICORN), *arguments, "wsgi:app"]
    process = ManagedProcess(name, command, folder / "api.log", env=given, cwd=cwd)
    process.start()
    try:
        process.wait_until(lambda: "open_to_everybody" in process.log(), 30)
        yield process.log()
    finally:
        process.stop()


def test_an_open_service_that_is_meant_logs_where_it_listens(tmp_path: Path) -> None:
    bind = ("--bind", f"{EVERYWHERE}:{free_port()}")
    with running(tmp_path, *bind, AUTH_DISABLED="true") as log:
        assert f'"host": "{EVERYWHERE}"' in log


def test_a_setting_that_has_no_effect_is_logged(tmp_path: Path) -> None:
    bind, port = f"127.0.0.1:{free_port()}", str(free_port())
    with running(tmp_path, "--bind", bind, METRICS_PORT=port, WEB_CONCURRENCY="9") as log:
        assert f"METRICS_PORT is {port}" in log
        assert "WEB_CONCURRENCY is not read" in log


def test_gunicorn_started_in_another_folder_finds_the_service_and_its_settings(
    tmp_path: Path,
) -> None:
    service, port = tmp_path / "service", free_port()
    service.mkdir()
    for name in ("gunicorn.conf.py", "wsgi.py"):
        (service / name).symlink_to(CHECKOUT / name)
    (service / ".env").write_text("STOP_DELAY=0\nWEB_THREADS=many\n")
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    command = [GUNICORN, "--config", service / "gunicorn.conf.py", "--chdir", service, "wsgi:app"]
    done = subprocess.run(
        command,
        env=environment | {"PORT": str(port)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "WEB_THREADS" in done.stderr


def asked_through(path: Path, host: str, target: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_no_host_header_through_a_unix_socket_leads_to_the_metrics(tmp_path: Path) -> None:
    path, port = tmp_path / "api.sock", str(free_port())
    with running(tmp_path, "--bind", f"unix:{path}", METRICS_PORT=port):
        until(path.exists, "the socket")
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", "[::1]"):
            assert b" 404 " in asked_through(path, host, "/metrics").splitlines()[0]
            assert b" 200 " in asked_through(path, host, "/health/live").splitlines()[0]
