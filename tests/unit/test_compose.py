"""The compose file, as it is read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE = Path(__file__).parents[2] / "docker/compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))[
    "services"
]
UNITS = {"m": 1, "g": 1024}


@pytest.mark.parametrize("name", SERVICES)
def test_no_compose_service_can_take_the_whole_machine(name: str) -> None:
    service = SERVICES[name]
    limit = service["mem_limit"]
    assert 0 < int(limit[:-1]) * UNITS[limit[-1]] <= 1024
    assert 0 < service["pids_limit"] <= 400
