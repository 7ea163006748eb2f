"""The manifests and the units, as they are read. `make operations` holds them against their
schemas."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from order_service.interface.worker.process import STOP_WITHIN
from order_service.settings import Settings

OPERATIONS = Path(__file__).parents[2] / "operations"
BASE = OPERATIONS / "kubernetes/base"
EXAMPLE = OPERATIONS / "kubernetes/example"
UNITS = OPERATIONS / "systemd"
SHARED_BY_UNITS = UNITS / "order-service-.service.d/shared.conf"
# Seconds: gunicorn.conf.py's graceful_timeout.
SERVING_WHAT_WAS_ACCEPTED = 30


def assignments(path: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}


def lines_of(path: Path, key: str) -> list[str]:
    """The values of a key of a unit."""
    return re.findall(rf"^{key}=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def environment_of_units() -> dict[str, str]:
    pairs = [pair for line in lines_of(SHARED_BY_UNITS, "Environment") for pair in line.split()]
    return dict(pair.split("=", 1) for pair in pairs if not pair.startswith("PYTHON"))


DEPLOYMENTS = {
    "Kubernetes": {**assignments(BASE / "settings.env"), **assignments(EXAMPLE / "settings.env")},
    "systemd": {**assignments(UNITS / "settings.env"), **environment_of_units()},
}
SECRETS = {
    "mongo-uri": "mongodb://orders:secret@store.example/orders",
    "redis-url": "rediss://:secret@cache.example:6379/0",
}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_the_settings_of_a_deployment_start_the_service(deployment: str, tmp_path: Path) -> None:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(f"{secret}\n", encoding="utf-8")
    given = {
        name: str(tmp_path / Path(value).name) if Path(value).name in SECRETS else value
        for name, value in DEPLOYMENTS[deployment].items()
    }
    in_files = {name.removesuffix("_FILE") for name in given.keys() - Settings.names()}
    assert in_files <= Settings.secrets()

    settings = Settings.load({"HOST": "0.0.0.0", **given})
    assert settings.has_issuer
    assert settings.mongo_uri == SECRETS["mongo-uri"]


def test_the_variable_that_the_autoscaler_reads_is_given_to_the_worker() -> None:
    scaler = yaml.safe_load((OPERATIONS / "kubernetes/keda/worker.yaml").read_text())
    for trigger in scaler["spec"]["triggers"]:
        assert trigger["metadata"]["bootstrapServersFromEnv"] in DEPLOYMENTS["Kubernetes"]


def deployment(name: str) -> dict[str, Any]:
    documents = yaml.safe_load_all((BASE / f"{name}.yaml").read_text(encoding="utf-8"))
    return dict(next(each for each in documents if each["kind"] == "Deployment"))


def pod(name: str) -> dict[str, Any]:
    return dict(deployment(name)["spec"]["template"]["spec"])


def probes(name: str) -> Iterator[dict[str, Any]]:
    container = pod(name)["containers"][0]
    return (container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))


def test_a_stopping_pod_has_the_time_that_its_process_takes() -> None:
    stop_delay = float(assignments(BASE / "settings.env")["STOP_DELAY"])
    longest = {"api": stop_delay + SERVING_WHAT_WAS_ACCEPTED, "worker": STOP_WITHIN}
    for name, seconds in longest.items():
        assert pod(name)["terminationGracePeriodSeconds"] > seconds, name


def test_a_stopping_unit_has_the_time_that_its_process_takes() -> None:
    longest_delay = next(
        rule.le for rule in Settings.model_fields["stop_delay"].metadata if hasattr(rule, "le")
    )
    longest = {"api": longest_delay + SERVING_WHAT_WAS_ACCEPTED, "worker": STOP_WITHIN}
    for name, seconds in longest.items():
        (given,) = lines_of(UNITS / f"order-service-{name}.service", "TimeoutStopSec")
        assert float(given) > seconds, name


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("api", {"http": "PORT", "metrics": "METRICS_PORT"}),
        ("worker", {"metrics": "WORKER_PORT"}),
    ],
)
def test_ports_are_those_that_the_settings_say(name: str, settings: dict[str, str]) -> None:
    given = assignments(BASE / "settings.env")
    ports = {each["name"]: each["containerPort"] for each in pod(name)["containers"][0]["ports"]}
    assert ports == {port: int(given[variable]) for port, variable in settings.items()}
    annotations = deployment(name)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["metrics"])


@pytest.mark.parametrize("name", ["api", "worker"])
def test_only_readiness_asks_for_the_servers_that_a_restart_would_not_bring_back(name: str) -> None:
    paths = [probe["httpGet"]["path"] for probe in probes(name)]
    assert paths == ["/health/live", "/health/live", "/health/ready"]
