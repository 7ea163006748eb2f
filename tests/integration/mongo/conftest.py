"""A database whose tests can tell what was sent to it."""

from collections.abc import Iterator

import pytest

from devstack.mongod import Mongod
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from tests.integration.cli.commands import Commands
from tests.integration.conftest import connected


@pytest.fixture
def commands() -> Commands:
    """What is sent to ``database`` after its migration."""
    return Commands()


@pytest.fixture
def database(mongo: Mongod, commands: Commands) -> Iterator[Database]:
    """Fresh and migrated."""
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        commands.sent.clear()
        yield database
