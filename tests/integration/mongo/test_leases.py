"""Leases on a real MongoDB, whose clock alone ends them."""

import time
from datetime import UTC, timedelta

import pytest

from order_service.application.stock.lease import Lease
from order_service.domain.order import Intent
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.relay_lock import MongoRelayLock
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


def test_the_end_is_reckoned_by_the_stores_clock(
    database: Database, leases: MongoLeaseStore, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    before = database.command("hello")["localTime"].replace(tzinfo=UTC)
    taken(leases, item)
    after = database.command("hello")["localTime"].replace(tzinfo=UTC)
    [stored] = database["leases"].find({"_id": item})
    length = timedelta(seconds=LONG)
    assert before + length <= stored["expiresAt"] <= after + length


def test_one_relay_at_a_time_has_the_lock(database: Database) -> None:
    mine, other = (MongoRelayLock(database, name, 10) for name in ("mine", "other"))
    with mine.held() as is_mine, other.held() as is_others:
        assert (is_mine, is_others) == (True, False)
    with other.held() as is_others:
        assert is_others
