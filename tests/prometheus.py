"""A real Prometheus as a process on this machine, which scrapes and looks at its rules each second.

with Prometheus(folder, {"order-service-api": system.urls}) as prometheus:
    prometheus.query("up")
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from devstack.ports import LOOPBACK, free_port
from devstack.processes import ManagedProcess
from tests.programs import program

_START_TIMEOUT = 30


class Prometheus:
    """``targets``: the URLs of each job. ``rules``: the text of a file of rules. Needs
    prometheus."""

    def __init__(
        self, folder: Path, targets: Mapping[str, Sequence[str]], rules: str | None = None
    ) -> None:
        self.url = f"http://{LOOPBACK}:{(port := free_port())}"
        folder.mkdir()
        (folder / "rules.yml").write_text(rules or "groups: []\n", encoding="utf-8")
        # JSON is YAML as well.
        configuration = folder / "prometheus.yml"
        configuration.write_text(json.dumps(_configuration(targets)), encoding="utf-8")
        command = [
            program("prometheus", "prometheus"),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
        ]
        self._process = ManagedProcess("Prometheus", command, folder / "prometheus.log")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that the expression gives now, each with its ``metric`` and ``value``. Raises
        AssertionError, with what Prometheus says, where the expression is wrong."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def alerts(self) -> set[tuple[str, str]]:
        """Name and state, pending or firing, of the alerts that are not at rest."""
        found = self._get("alerts")["alerts"]
        return {(each["labels"]["alertname"], each["state"]) for each in found}

    def rules(self) -> list[dict[str, Any]]:
        """Each rule, with its ``name``, and its ``health``: ok, err or unknown."""
        groups: list[dict[str, Any]] = self._get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {parameters}"
        data: dict[str, Any] = answer["data"]
        return data

    def _is_ready(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(f"{self.url}/-/ready", timeout=5).ok
            except requests.ConnectionError:
                return False

    def __enter__(self) -> Self:
        self._process.start()
        self._process.wait_until(self._is_ready, _START_TIMEOUT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()


def _configuration(targets: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        },
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [{"targets": [urlsplit(url).netloc for url in urls]}],
            }
            for job, urls in targets.items()
        ],
    }
