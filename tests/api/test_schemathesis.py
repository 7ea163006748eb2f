"""Requests that schemathesis makes up of the OpenAPI document, good and bad, on every route.

SCHEMATHESIS_EXAMPLES (default 6) is how many it makes up for each operation and phase.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.api.issuer import Issuer, bearer
from tests.system import System

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "6")
# A schema can't say that an item must exist, or that a key was used before.
NOT_FOR_US = "positive_data_acceptance"
ALL = "orders:read orders:write orders:admin stock:read"


def run(url: str, folder: Path, headers: Mapping[str, str]) -> str:
    sent = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", *sent),
        *("--max-examples", EXAMPLES, "--seed", "1", "--continue-on-failure", "--no-color"),
        *("--exclude-checks", NOT_FOR_US, "--warnings", "off"),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def requests_in(report: str) -> int:
    found = re.search(r"([\d,]+) generated", report)
    assert found, report[-2000:]
    return int(found[1].replace(",", ""))


def test_schemathesis_finds_no_fault_in_an_open_service(
    open_system: System, tmp_path: Path
) -> None:
    assert requests_in(run(open_system.urls[0], tmp_path, {})) > 200


def test_schemathesis_finds_no_fault_in_a_guarded_service_with_a_token(
    guarded_system: System, issuer: Issuer, tmp_path: Path
) -> None:
    headers = bearer(issuer.token("alice", ALL))
    assert requests_in(run(guarded_system.urls[0], tmp_path, headers)) > 200


def test_schemathesis_finds_no_fault_in_a_guarded_service_without_a_token(
    guarded_system: System, tmp_path: Path
) -> None:
    assert requests_in(run(guarded_system.urls[0], tmp_path, {})) > 200
