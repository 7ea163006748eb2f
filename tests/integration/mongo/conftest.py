"""A database whose tests can tell what was sent to it."""

from collections.abc import Iterator

import pytest

from order_service.infrastructure.mongo.connection import Database
from tests.integration.cli.commands import Commands
from tests.integration.connections import opened
from tests.integration.migrated_stores import MigratedStores


@pytest.fixture
def commands() -> Commands:
    """What is sent to ``database`` after its migration."""
    return Commands()


@pytest.fixture
def database(stores: MigratedStores, commands: Commands) -> Iterator[Database]:
    """Empty and migrated."""
    with (
        stores.one() as settings,
        opened(settings, {"event_listeners": [commands]}) as database,
    ):
        commands.sent.clear()
        yield database
