"""What the adapters are tried against."""

from collections.abc import Iterator

import pytest

from devstack.inventory import SampleInventory
from tests.items import Items
from tests.misbehaving import MisbehavingInventory


@pytest.fixture(scope="session")
def _proxy(inventory: SampleInventory) -> Iterator[MisbehavingInventory]:
    with MisbehavingInventory(inventory.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(_proxy: MisbehavingInventory) -> Iterator[MisbehavingInventory]:
    """In front of the sample inventory, well-behaved at the start of each test."""
    yield _proxy
    _proxy.behave()
    _proxy.requests.clear()


@pytest.fixture
def items(inventory: SampleInventory) -> Iterator[Items]:
    with Items(inventory.url) as items:
        yield items
