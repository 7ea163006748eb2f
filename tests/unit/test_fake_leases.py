"""The leases that other tests stand on keep what MongoDB's keep."""

import pytest

from order_service.application.stock.lease import Lease
from order_service.domain.moves import Intent
from tests.suites.leases import *  # noqa: F403
from tests.suites.leases import Expire, taken
from tests.unit.fakes import FakeClock, FakeLeases

SECONDS = 10.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def leases(clock: FakeClock) -> FakeLeases:
    return FakeLeases(clock, SECONDS)


@pytest.fixture
def others(leases: FakeLeases) -> FakeLeases:
    return leases


@pytest.fixture
def expire(leases: FakeLeases, clock: FakeClock) -> Expire:
    def expire(item: str, intent: Intent | None) -> Lease:
        lease = taken(leases, item, intent)
        clock.sleep(SECONDS)
        return lease

    return expire
