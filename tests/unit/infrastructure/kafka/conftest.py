"""What all tests of Kafka's room begin with."""

import pytest

from order_service.infrastructure.kafka import outages


@pytest.fixture(autouse=True)
def _kafka_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process has one state of its connections, and tests leave it in trouble."""
    monkeypatch.setattr(outages.CONNECTIONS, "__dict__", vars(outages.Connections()))
