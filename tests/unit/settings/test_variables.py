"""Which variables are ours: other programs' stand beside them, and some are nearly ours."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from devstack.notice import only_one
from order_service.bootstrap import load, make_run
from order_service.infrastructure.kafka import config
from order_service.settings import Settings, SettingsError, variables


def service(name: str, port: int = 3101) -> dict[str, str]:
    """What Kubernetes sets in every container for a Service of that name."""
    prefix, link = name.upper().replace("-", "_"), f"tcp://10.0.0.7:{port}"
    named = f"{prefix}_PORT_{port}_TCP"
    return {
        f"{prefix}_SERVICE_HOST": "10.0.0.7",
        f"{prefix}_SERVICE_PORT": str(port),
        f"{prefix}_SERVICE_PORT_HTTP": str(port),
        f"{prefix}_PORT": link,
        named: link,
        f"{named}_PROTO": "tcp",
        f"{named}_PORT": str(port),
        f"{named}_ADDR": "10.0.0.7",
    }


SERVICES = [
    *("kafka", "kafka-consumer", "kafka-producer", "kafka-broker", "kafka-group", "kafka-sasl"),
    *("mongo", "redis", "inventory", "inventory-service", "worker", "metrics", "web", "api"),
    *("order-service", "kubernetes", "auth", "port", "host", "kafka-ssl-ca"),
]


def read(environment: Mapping[str, str], dotenv: Path | None = None) -> variables.Variables:
    return variables.read(environment, dotenv, Settings.names(), Settings.secrets())


def assert_no_setting(environment: Mapping[str, str]) -> None:
    assert read(environment) == variables.Variables({}, {})
    given = Settings.load(environment)
    assert given == Settings()
    with capture_logs() as logs:
        options = config.consumer_config(given).keys()
    assert options == config.consumer_config(Settings()).keys()
    assert logs == []


@pytest.mark.parametrize("name", SERVICES)
def test_the_variables_that_kubernetes_sets_for_a_service_are_no_settings(name: str) -> None:
    assert_no_setting(service(name))


@pytest.mark.parametrize(
    ("name", "value"), [each for name in SERVICES for each in service(name, 9092).items()]
)
def test_each_variable_of_a_service_is_no_setting_even_without_the_others(
    name: str, value: str
) -> None:
    assert_no_setting({name: value})


def test_variables_of_all_kubernetes_services_at_once_leave_the_settings_as_they_are() -> None:
    together = {key: value for name in SERVICES for key, value in service(name).items()}
    ours = {"KAFKA_BROKER": "kafka:9092", "WORKER_PORT": "3109", "KAFKA_CLIENT_RACK": "a"}
    assert Settings.load(together | ours) == Settings.load(ours)


def test_a_port_that_kubernetes_sets_does_not_hide_the_port_of_the_env_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("WORKER_PORT=3109\n")
    assert Settings.load(service("worker"), dotenv).worker_port == 3109


@pytest.mark.parametrize("value", ["tcp:3101", "http://10.0.0.7:3101", "tcp://10.0.0.7"])
def test_a_port_that_only_looks_like_one_that_kubernetes_sets_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="WORKER_PORT"):
        Settings.load({"WORKER_PORT": value})


def test_an_option_of_librdkafka_whose_name_tells_of_a_service_stays_an_option() -> None:
    given = {"KAFKA_SASL_KERBEROS_SERVICE_NAME": "kafka", "KAFKA_CONSUMER_CLIENT_RACK": "a"}
    assert Settings.load(service("kafka") | given).kafka_config == {
        "common": {"sasl.kerberos.service.name": "kafka"},
        "consumer": {"client.rack": "a"},
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WEB_WORKER", "WEB_WORKERS"),
        ("web_workers", "WEB_WORKERS"),
        ("MONGODB_URI", "MONGO_URI"),
        ("MONGO_URL", "MONGO_URI"),
        ("AUTH_JWKS_ULR", "AUTH_JWKS_URL"),
        ("RATE_LIMIT_WRITE", "RATE_LIMIT_WRITES"),
        ("STOCK_CHANGE_RETENTION_DAY", "STOCK_CHANGE_RETENTION_DAYS"),
    ],
)
def test_a_misspelt_setting_is_logged_in_the_environment_and_refused_in_the_env_file(
    name: str, meant: str, tmp_path: Path
) -> None:
    assert read({name: "4"}).unused == {name: meant}
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"{name}=4\n")
    with pytest.raises(SettingsError) as refused:
        Settings.load({}, dotenv)
    assert str(refused.value).startswith(f"Bad setting: {name}: ")
    assert f"Is {meant} meant?" in str(refused.value)


def test_a_name_close_to_a_setting_is_no_slip_when_that_setting_is_given() -> None:
    assert read({"WEB_WORKER": "4", "WEB_WORKERS": "2"}).unused == {}


def test_an_ordinary_environment_has_no_unused_setting() -> None:
    names = [
        *("HOSTNAME", "USER", "LOGNAME", "PATH", "HOME", "TERM", "LANG", "LC_ALL", "SHELL", "PWD"),
        *("OLDPWD", "SHLVL", "HOSTTYPE", "OSTYPE", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV"),
        *("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "HTTP_PROXY", "NO_PROXY", "REDIS_HOST"),
        *("REDIS_PORT", "MONGO_HOST", "MONGO_PORT", "DATABASE_URL", "POD_NAME", "NODE_NAME"),
        *("AWS_REGION", "PROMETHEUS_MULTIPROC_DIR", "OTEL_SERVICE_NAME", "KAFKA_HEAP_OPTS"),
    ]
    assert read(dict.fromkeys(names, "x")).unused == {}


def test_a_name_in_the_env_file_that_nobody_reads_is_logged(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("COMPOSE_PROJECT_NAME=a\nEMPTY=\nKAFKA_CLIENT_RACK=a\nOTEL_SERVICE_NAME=a\n")
    assert read({}, dotenv).unused == {"COMPOSE_PROJECT_NAME": None}
    assert read({"COMPOSE_PROJECT_NAME": "shop"}, dotenv).unused == {}


@pytest.mark.parametrize(
    "content",
    [b"PORT: 8080", b"PORT 8080", b"PORT", b"MONGO_URI='mongodb://hunter2", b"=5", b"PORT=\xff"],
)
def test_a_line_of_the_env_file_that_sets_nothing_stops_the_start(
    content: bytes, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"WEB_WORKERS=3\n" + content + b"\n")
    with pytest.raises(SettingsError) as refused:
        Settings.load({}, dotenv)
    [line] = str(refused.value).splitlines()
    assert ".env" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("content", ["\ufeffPORT=8080", "PORT=8080\r\n", "export PORT=8080 # x"])
def test_env_files_as_people_write_them_are_read(content: str, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(content, encoding="utf-8")
    assert Settings.load({}, dotenv).port == 8080


def test_the_start_logs_an_unused_variable_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(load.logs, "configure", lambda level: None)
    warned: set[str] = set()
    with capture_logs() as logs:
        for _ in range(3):
            load.load_settings({"WEB_WORKERZ": "hunter2"}, warned=warned)
    assert logs == [
        {
            "event": "variable_is_no_setting",
            "name": "WEB_WORKERZ",
            "meant": "WEB_WORKERS",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize(
    ("folder", "port"),
    [
        ("shop", 8080),
        ("shop/docs/adr", 8080),
        ("shop/own", 8081),
        # Above the checkout, and beside it, the settings are somebody else's.
        (".", 9000),
        ("beside", 3100),
    ],
)
def test_the_env_file_is_looked_for_up_to_the_top_of_the_checkout(
    folder: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("shop/docs/adr", "shop/own", "beside"):
        (tmp_path / each).mkdir(parents=True)
    for each, number in ((".", 9000), ("shop", 8080), ("shop/own", 8081)):
        (tmp_path / each / ".env").write_text(f"PORT={number}\n")
    monkeypatch.setattr(make_run, "_CHECKOUT", tmp_path / "shop")
    monkeypatch.setattr(load.logs, "configure", lambda level: None)
    monkeypatch.chdir(tmp_path / folder)
    assert load.load_settings({}).port == port


def test_no_env_file_above_the_checkout_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop/docs").mkdir(parents=True)
    (tmp_path / ".env").write_text("PORT=9000\n")
    monkeypatch.setattr(make_run, "_CHECKOUT", tmp_path / "shop")
    monkeypatch.setattr(load.logs, "configure", lambda level: None)
    monkeypatch.chdir(tmp_path / "shop/docs")
    assert load.load_settings({}).port == 3100


def test_the_settings_of_make_run_are_found_from_a_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(make_run, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(load.logs, "configure", lambda level: None)
    monkeypatch.chdir(tmp_path / "docs")
    with only_one(tmp_path / ".data") as notice:
        notice.write({"KAFKA_BROKER": "127.0.0.1:19092"})
        assert load.load_settings({}).kafka_broker == "127.0.0.1:19092"
