"""Leases on a real MongoDB, whose clock alone ends them."""

import time
from datetime import UTC, timedelta
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from order_service.application.stock.lease import Lease
from order_service.domain.moves import Intent
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.relay_lock import MongoRelayLock
from order_service.infrastructure.telemetry.leases import LeaseMetrics
from tests.suites.leases import *  # noqa: F403
from tests.suites.leases import Expire, taken
from tests.waiting import until

LONG, SHORT = 60.0, 0.15


@pytest.fixture
def leases(database: Database) -> MongoLeaseStore:
    return MongoLeaseStore(database, "one", LONG)


@pytest.fixture
def others(database: Database) -> MongoLeaseStore:
    return MongoLeaseStore(database, "another", LONG)


@pytest.fixture
def expire(database: Database) -> Expire:
    def expire(item: str, intent: Intent | None) -> Lease:
        store = MongoLeaseStore(database, "too slow", SHORT)
        lease = taken(store, item, intent)
        until(lambda: not store.look(item).held, "the lease ends")
        return lease

    return expire


def test_the_end_of_a_lease_is_reckoned_by_the_stores_clock(
    database: Database, leases: MongoLeaseStore, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    before = database.command("hello")["localTime"].replace(tzinfo=UTC)
    taken(leases, item)
    after = database.command("hello")["localTime"].replace(tzinfo=UTC)
    [stored] = database["leases"].find({"_id": item})
    length = timedelta(seconds=LONG)
    assert before + length <= stored["expiresAt"] <= after + length


def test_one_relay_at_a_time_has_the_relays_lock(database: Database) -> None:
    mine, other = (MongoRelayLock(database, name, 10) for name in ("mine", "other"))
    with mine.held() as is_mine, other.held() as is_others:
        assert (is_mine, is_others) == (True, False)
    with other.held() as is_others:
        assert is_others


def test_each_look_at_a_lease_is_timed_and_a_lost_race_is_counted(
    database: Database, item: str
) -> None:
    registry = CollectorRegistry()
    leases = MongoLeaseStore(database, "one", LONG, LeaseMetrics(registry))
    waited, lost = (
        partial(registry.get_sample_value, name)
        for name in (
            "order_service_lease_wait_seconds_count",
            "order_service_lease_races_lost_total",
        )
    )
    free = leases.look(item)
    assert (waited(), lost()) == (1, 0)
    assert leases.acquire(free, None) is not None
    assert leases.look(item).held
    assert (waited(), lost()) == (1, 0)
    assert leases.acquire(free, None) is None
    assert (waited(), lost()) == (1, 1)
