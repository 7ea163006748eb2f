import pytest

from tests.unit.interface.cli.shop import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()
