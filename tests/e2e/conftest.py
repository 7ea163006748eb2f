"""The running systems that the end-to-end tests share."""

from collections.abc import Iterator

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.system import Parts, System

# What is counted here must not depend on how busy the machine is.
PATIENT = {"REQUEST_DEADLINE": "30", "SETTLE_AFTER": "30"}


@pytest.fixture(scope="session")
def system(
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """Two API instances with two processes each, and a worker; the absolute contract."""
    parts = Parts(mongo, kafka, inventory)
    with System(parts, tmp_path_factory.mktemp("system"), PATIENT, api_processes=2) as system:
        yield system


@pytest.fixture(scope="session")
def conditional(
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """One API instance and a worker, over the conditional contract; prices are in euros."""
    settings = PATIENT | {"INVENTORY_CONTRACT": "conditional", "CURRENCY": "EUR"}
    logs = tmp_path_factory.mktemp("conditional")
    parts = Parts(mongo, kafka, inventory)
    with System(parts, logs, settings) as system:
        yield system


@pytest.fixture(params=["system", "conditional"])
def either(request: pytest.FixtureRequest) -> System:
    """The system over each contract."""
    system: System = request.getfixturevalue(request.param)
    return system
