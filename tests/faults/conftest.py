"""SEED repeats a run; FAULTS=short is for every change, FAULTS=full for a night."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.faults import alarms, table
from tests.faults.audit import Audit
from tests.faults.buyers import Buyers
from tests.faults.rig import Rig
from tests.faults.table import Row

SEED = os.environ.get("SEED") or str(int(time.time()))
FULL = os.environ.get("FAULTS", "short") == "full"
CONTRACTS = ["absolute", "conditional"]

# For tests that only one contract has, and for those whose other half is left to the full form.
conditional_only = pytest.mark.parametrize("running", ["conditional"], indirect=True)
absolute_only = pytest.mark.parametrize("running", ["absolute"], indirect=True)
both_when_full = pytest.mark.parametrize(
    "running", CONTRACTS if FULL else ["absolute"], indirect=True
)
full_only = pytest.mark.skipif(not FULL, reason="left to the full form")

Checked = Callable[..., Row]


@pytest.fixture(scope="session")
def full() -> bool:
    return FULL


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with Mongod(tmp_path_factory.mktemp("store"), name="The order store") as store:
        yield store


@pytest.fixture(scope="session", params=CONTRACTS)
def running(
    request: pytest.FixtureRequest,
    store: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp(request.param)
    with Rig(request.param, store, kafka, inventory, folder) as rig:
        yield rig


@pytest.fixture
def rig(running: Rig) -> Iterator[Rig]:
    """Whole at the start of each test, and after it."""
    running.heal()
    yield running
    running.heal()


@pytest.fixture
def buyers(rig: Rig, rng: random.Random) -> Iterator[Buyers]:
    buyers = Buyers(rig.system, rng)
    yield buyers
    buyers.close()


@pytest.fixture
def checked(rig: Rig, buyers: Buyers) -> Checked:
    """Audits ``items`` after a fault, adds the row to the table, and fails if a promise broke."""

    def check(
        fault: str, runs: int, items: Mapping[str, int], others: Mapping[str, int] | None = None
    ) -> Row:
        return audited(rig, buyers, fault, runs, items, others)

    return check


def audited(
    rig: Rig,
    buyers: Buyers,
    fault: str,
    runs: int,
    items: Mapping[str, int],
    others: Mapping[str, int] | None = None,
) -> Row:
    rig.heal()
    audit = Audit(rig, buyers, items, others)
    row = audit.run(fault, runs)
    table.ROWS.append(row)
    assert not audit.wrong, "\n".join([f"SEED={SEED}", *audit.wrong[:20]])
    return row


def pytest_report_header() -> str:
    return f"faults: {'full' if FULL else 'short'} form, SEED={SEED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if table.ROWS:
        terminalreporter.section(f"faults, SEED={SEED}")
        for line in table.lines():
            terminalreporter.write_line(line)
    if alarms.ALARMS:
        terminalreporter.section(f"alerts, a minute of their rules lasting {alarms.MINUTE:g} s")
        for line in alarms.lines():
            terminalreporter.write_line(line)
