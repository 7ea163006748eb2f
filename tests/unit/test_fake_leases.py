"""The leases that other tests stand on keep what MongoDB's keep."""

from collections.abc import Sequence

import pytest

from order_service.application.stock.lease import Lease, Primary
from order_service.domain.moves import Intent
from tests.suites.leases import *  # noqa: F403
from tests.suites.leases import Expire, ExpireAll, all_taken, taken
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


@pytest.fixture
def expire_all(leases: FakeLeases, clock: FakeClock) -> ExpireAll:
    def expire_all(items: Sequence[str], primary: Primary) -> list[Lease]:
        got = all_taken(leases, items, primary)
        clock.sleep(SECONDS)
        return got

    return expire_all
