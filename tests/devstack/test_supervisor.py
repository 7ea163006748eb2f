"""``make run``'s program, over a stub of the service: errors in one line, nothing left behind."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from devstack.inventory import SAMPLE_ITEMS, SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from devstack.ports import free_port
from order_service.bootstrap.load import load_settings
from order_service.bootstrap.make_run import settings_of_make_run
from order_service.settings import Settings
from tests.devstack.leftovers import MARK, command_of, marked
from tests.waiting import until

CHECKOUT = Path(__file__).parents[2]
CUP = SAMPLE_ITEMS[0]

WSGI = """
import json, os
NAMES = ("MONGO_URI", "KAFKA_BROKER", "INVENTORY_SERVICE_URL", "INVENTORY_CONTRACT")
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: os.environ.get(name) for name in NAMES}).encode()]
"""
GUNICORN = """
import os
bind = f"127.0.0.1:{os.environ['PORT']}"
control_socket_disable = True
"""
ORDER_SERVICE = """#!{python}
import os, pathlib, sys, time
if sys.argv[1] == "migrate":
    pathlib.Path("migrated").touch()
    keys = os.environ.get("AUTH_JWKS_FILE")
    if keys and not pathlib.Path(keys).is_file():
        sys.exit("Bad setting: AUTH_JWKS_FILE")
    sys.exit(pathlib.Path("migrate_fails").exists() and "Error: no index today")
if sys.argv[1] == "dev-token":
    pathlib.Path(".data/dev-keys").mkdir(exist_ok=True)
    for name in ("jwks.json", "key.pem"):
        pathlib.Path(".data/dev-keys", name).touch()
    sys.exit()
time.sleep(600)
"""


class Project:
    """A folder with a stub of the service, and a Python whose neighbours are its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {"PORT": str(self.port), "WORKER_PORT": "0", MARK: str(folder)}
        self._runs: list[subprocess.Popen[str]] = []
        (folder / "wsgi.py").write_text(WSGI)
        (folder / "gunicorn.conf.py").write_text(GUNICORN)
        programs = folder / "bin"
        programs.mkdir()
        self.python = programs / "python"
        self.python.symlink_to(sys.executable)
        self._program("order-service", ORDER_SERVICE.format(python=self.python))
        run_gunicorn = f"#!{self.python}\nfrom gunicorn.app.wsgiapp import run\nrun()\n"
        self._program("gunicorn", run_gunicorn)

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        paths = os.pathsep.join([str(CHECKOUT), *sys.path])
        return os.environ | self.settings | {"PYTHONPATH": paths} | settings

    def run(self, **settings: str) -> subprocess.Popen[str]:
        run = subprocess.Popen(
            [self.python, "-m", "devstack"],
            cwd=self.folder,
            env=self.environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._runs.append(run)
        return run

    def ready(self, run: subprocess.Popen[str]) -> str:
        """The lines up to the end of the banner."""
        assert run.stdout is not None
        lines: list[str] = []
        for line in run.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                return "".join(lines)
        raise AssertionError(f"ended: {''.join(lines)}{run.communicate()}")

    def fails(self, **settings: str) -> str:
        """The one line that a start with these settings ends with; nothing may be left."""
        return self.failed(self.run(**settings))

    def failed(self, run: subprocess.Popen[str]) -> str:
        _, errors = run.communicate(timeout=20)
        assert run.returncode == 1
        assert marked(str(self.folder)) == []
        assert errors.count("\n") == 1
        assert errors.startswith("make run: ")
        return errors

    def process(self, words: str) -> int:
        """The first process whose command line holds the words."""
        return min(p for p in marked(str(self.folder)) if words in command_of(p))

    def end(self) -> None:
        for run in self._runs:
            run.kill()
            run.communicate()
        until(lambda: not marked(str(self.folder)), "the end", timeout=30)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.end()


@pytest.fixture
def given(mongo: Mongod, kafka: KafkaBroker, inventory: SampleInventory) -> dict[str, str]:
    """The settings with which nothing has to be embedded."""
    return {
        "MONGO_URI": mongo.uri_for("orders"),
        "KAFKA_BROKER": kafka.bootstrap,
        "INVENTORY_SERVICE_URL": inventory.url,
    }


def test_embedded_parts_end_with_their_supervisor_and_find_their_data_again(
    project: Project, http: requests.Session
) -> None:
    run = project.run(INVENTORY_CONTRACT="conditional")
    banner = project.ready(run)
    seen = http.get(f"http://127.0.0.1:{project.port}/", timeout=10).json()
    assert seen["INVENTORY_CONTRACT"] == "conditional"
    assert all(seen[name] in banner for name in ("KAFKA_BROKER", "INVENTORY_SERVICE_URL"))
    assert f"{CUP.item_id}  {CUP.name}" in banner
    assert f"Page       http://127.0.0.1:{project.port}/  " in banner
    assert f"http://127.0.0.1:{project.port}/docs" in banner
    basket = [{"itemId": item.item_id, "quantity": 1} for item in SAMPLE_ITEMS[:2]]
    assert f'"items": {json.dumps(basket)}' in banner
    assert (project.folder / "migrated").exists()
    assert (project.folder / ".data/dev-keys").exists()
    update = f"{seen['INVENTORY_SERVICE_URL']}/api/items/update-stock/{CUP.item_id}"
    assert http.patch(update, json={"stock": 87}, timeout=10).status_code == 200

    run.kill()
    until(lambda: not marked(str(project.folder)), "the end", timeout=10)

    again = project.run()
    assert "     87     12.95" in project.ready(again)
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=20) == 0
    assert marked(str(project.folder)) == []


def test_a_command_of_the_service_finds_the_parts_of_make_run_while_it_runs(
    project: Project, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    (project.folder / ".env").write_text("KAFKA_BROKER=kafka.example:9092\nMONGO_URI=\n")
    elsewhere = {"INVENTORY_SERVICE_URL": "http://elsewhere.example"}
    run = project.run(**given, INVENTORY_CONTRACT="conditional")
    project.ready(run)

    beside = load_settings(elsewhere)
    assert (beside.mongo_uri, beside.inventory_contract) == (given["MONGO_URI"], "conditional")
    assert beside.kafka_broker == "kafka.example:9092"
    assert beside.inventory_service_url == "http://elsewhere.example"
    assert load_settings({}).inventory_service_url == given["INVENTORY_SERVICE_URL"]
    assert load_settings({"MONGO_URI": ""}).mongo_uri == Settings().mongo_uri
    assert (project.folder / ".data" / "run.json").stat().st_mode & 0o077 == 0

    # Killed, it leaves the file, and nobody who has it locked.
    run.kill()
    run.wait()
    assert (project.folder / ".data" / "run.json").read_text() != ""
    assert load_settings({}).mongo_uri == Settings().mongo_uri

    again = project.run(**given)
    project.ready(again)
    assert load_settings({}).mongo_uri == given["MONGO_URI"]
    again.send_signal(signal.SIGTERM)
    again.wait(timeout=30)
    assert load_settings({}).mongo_uri == Settings().mongo_uri


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"settings": 7}', '{"settings": {"PORT": 1}}']
)
def test_a_rubbish_run_json_sets_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with (tmp_path / "run.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert settings_of_make_run(tmp_path / "run.json") == {}


def test_a_part_that_is_configured_is_used_and_not_started(
    project: Project, given: dict[str, str], http: requests.Session
) -> None:
    project.ready(project.run(**given))
    seen = http.get(f"http://127.0.0.1:{project.port}/", timeout=10).json()
    assert {name: seen[name] for name in given} == given
    assert not (project.folder / ".data" / "mongodb").exists()
    assert not (project.folder / ".data" / "kafka").exists()


def test_the_banners_lines_to_paste_send_a_token_where_the_api_asks_for_one(
    project: Project, given: dict[str, str]
) -> None:
    banner = project.ready(project.run(**given, AUTH_JWKS_FILE=".data/dev-keys/jwks.json"))
    assert "TOKEN=$(.venv/bin/order-service dev-token --sub alice)" in banner
    assert "dev-token --sub me --scope 'orders:admin stock:read'" in banner
    assert banner.count('-H "Authorization: Bearer $TOKEN"') == 4
    assert "the ids of two items for ITEM_ID and OTHER_ID" in banner


def test_a_development_key_that_was_left_half_made_is_made_again(
    project: Project, given: dict[str, str]
) -> None:
    keys = project.folder / ".data" / "dev-keys"
    keys.mkdir(parents=True)
    project.ready(project.run(**given))
    assert (keys / "key.pem").exists()


def test_make_run_reads_the_env_file_and_the_environment_goes_before_it(
    project: Project, given: dict[str, str]
) -> None:
    lines = [f"{name}={value}\n" for name, value in given.items()]
    (project.folder / ".env").write_text("".join([*lines, "PORT=1\n"]))
    assert f"http://127.0.0.1:{project.port}" in project.ready(project.run())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_stops_the_supervisor_leaves_no_process(
    project: Project, given: dict[str, str], number: signal.Signals
) -> None:
    run = project.run(**given)
    project.ready(run)
    run.send_signal(number)
    assert run.wait(timeout=30) == 0
    assert marked(str(project.folder)) == []


def test_a_terminal_that_closes_does_not_interrupt_the_stopping(
    project: Project, given: dict[str, str]
) -> None:
    run = project.run(**given)
    project.ready(run)
    assert run.stdout is not None
    run.stdout.close()
    run.send_signal(signal.SIGHUP)
    assert run.wait(timeout=30) == 0
    run.stdout = None


@pytest.mark.parametrize("seen", [b"", b"Ctrl-C"], ids=["starting", "started"])
def test_the_supervisor_stops_when_its_terminal_closes_without_a_signal(
    project: Project, given: dict[str, str], seen: bytes
) -> None:
    ours, theirs = os.openpty()
    # In a session without a controlling terminal no SIGHUP comes.
    run = subprocess.Popen(
        [project.python, "-m", "devstack"],
        cwd=project.folder,
        env=project.environment(given),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while seen not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)
    assert run.wait(timeout=30) == 0
    assert marked(str(project.folder)) == []


def test_the_supervisor_stops_when_the_make_above_it_is_killed(
    project: Project, given: dict[str, str]
) -> None:
    command = f"{project.python} -m devstack & wait"
    settings = project.environment(given | {"MAKELEVEL": "1"})
    log = project.folder / "out"
    with log.open("w") as out:
        make = subprocess.Popen(
            ["sh", "-c", command], cwd=project.folder, env=settings, stdout=out, stderr=out
        )
    until(lambda: "Ctrl-C" in log.read_text(), "the banner")
    make.kill()
    make.wait()
    until(lambda: not marked(str(project.folder)), "the end", timeout=30)
    assert log.read_text().endswith("Stopped.\n")


@pytest.mark.parametrize(
    ("words", "name"), [("order-service worker", "The worker"), ("gunicorn wsgi", "The API")]
)
def test_a_part_that_dies_stops_everything_and_is_named(
    project: Project, given: dict[str, str], words: str, name: str
) -> None:
    run = project.run(**given)
    project.ready(run)
    os.kill(project.process(words), signal.SIGKILL)
    assert f"{name} was killed" in project.failed(run)


def test_a_part_that_fails_at_the_start_is_named_with_its_words_and_its_log(
    project: Project, given: dict[str, str]
) -> None:
    (project.folder / "migrate_fails").touch()
    line = project.fails(**given)
    for words in ("order-service migrate", "Error: no index today", ".data/logs/migrate.log"):
        assert words in line


def test_an_api_that_cannot_be_loaded_is_named_with_the_cause(
    project: Project, given: dict[str, str]
) -> None:
    (project.folder / "wsgi.py").write_text("import no_such_thing\n")
    assert "The API died" in (line := project.fails(**given))
    assert "ModuleNotFoundError: No module named 'no_such_thing'" in line


def test_a_second_make_run_in_one_folder_is_refused(
    project: Project, given: dict[str, str]
) -> None:
    first = project.run(**given)
    project.ready(first)
    second = project.run(**given)
    _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert f"process {first.pid}" in errors
    assert first.poll() is None


@pytest.mark.parametrize("name", ["PORT", "WORKER_PORT"])
def test_make_run_names_a_taken_port(project: Project, given: dict[str, str], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"{name} {port} is taken" in project.fails(**given | {name: port})


@pytest.mark.parametrize(
    "setting",
    [
        {"PORT": "many"},
        {"HOST": "203.0.113.7"},
        {"MONGO_URI": "mongodb://anna:secret@127.0.0.1:1/orders"},
        {"MONGO_URI": "mongodb://anna:secret@127.0.0.1:99999/orders"},
        {"MONGO_URI": "mongodb://anna:secret?secret@127.0.0.1/orders"},
        {"KAFKA_BROKER": "127.0.0.1:1"},
        {"INVENTORY_SERVICE_URL": "http://anna:secret@127.0.0.1:1"},
        {"INVENTORY_SERVICE_URL": "here"},
    ],
)
def test_a_setting_that_cannot_work_is_named_without_its_secrets(
    project: Project, given: dict[str, str], setting: dict[str, str]
) -> None:
    line = project.fails(**given | setting)
    assert next(iter(setting)) in line
    assert "secret" not in line


def test_a_first_download_without_a_network_fails_with_a_remedy_and_leaves_no_half_download(
    project: Project,
) -> None:
    cache = project.folder / "cache"
    line = project.fails(XDG_CACHE_HOME=str(cache), https_proxy="http://127.0.0.1:1")
    assert "Kafka could not be downloaded" in line
    assert "KAFKA_BROKER" in line
    assert [p for p in (cache / "order-service").iterdir() if p.is_dir()] == []


def spoil_data_folder(project: Project) -> None:
    (project.folder / ".data").symlink_to("/proc")


def remove_service(project: Project) -> None:
    (project.folder / "wsgi.py").unlink()


def remove_command(project: Project) -> None:
    shutil.move(project.folder / "bin" / "order-service", project.folder / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_data_folder, ".data/run.json"),
        (remove_service, "project's own folder"),
        (remove_command, "make install"),
    ],
)
def test_make_run_says_why_it_cannot_work_in_a_folder(
    project: Project,
    given: dict[str, str],
    spoil: Callable[[Project], None],
    words: str,
) -> None:
    spoil(project)
    assert words in project.fails(**given)
