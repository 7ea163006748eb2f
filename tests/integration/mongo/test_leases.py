"""Leases on a real MongoDB, whose clock alone ends them."""

import time
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial

import pytest
from bson import Decimal128, ObjectId
from prometheus_client import CollectorRegistry

from devstack.mongod import Mongod
from order_service.application.stock.lease import Lease, Primary
from order_service.domain.moves import Intent
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.relay_lock import MongoRelayLock
from order_service.infrastructure.telemetry.leases import LeaseMetrics
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.orders import START
from tests.suites.leases import *  # noqa: F403
from tests.suites.leases import Expire, ExpireAll, all_taken, intent, look, taken
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
        until(lambda: not look(store, item).held, "the lease ends")
        return lease

    return expire


@pytest.fixture
def expire_all(database: Database) -> ExpireAll:
    def expire_all(items: Sequence[str], primary: Primary) -> list[Lease]:
        store = MongoLeaseStore(database, "too slow", SHORT)
        got = all_taken(store, items, primary)
        until(lambda: not any(lease.held for lease in store.look(items)), "the leases end")
        return got

    return expire_all


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


@pytest.mark.parametrize("was_a_baskets", [False, True])
def test_the_lease_of_one_item_is_stored_as_release_0_2_0_did(
    database: Database,
    leases: MongoLeaseStore,
    item: str,
    expire_all: ExpireAll,
    was_a_baskets: bool,
) -> None:
    if was_a_baskets:
        expire_all([item], Primary("f" * 24, 1))
    recorded = intent(item)
    fence = taken(leases, item, recorded).fence
    [stored] = database["leases"].find({"_id": item})
    assert set(stored) == {"_id", "fence", "owner", "taking", "expiresAt", "intent"}
    assert (stored["fence"], stored["owner"]) == (fence, "one")
    assert stored["intent"] == {
        "orderIds": [ObjectId(order) for order in recorded.order_ids],
        "previousStock": 10,
        "newStock": 7,
        "unitPrice": Decimal128("19.990"),
        "recordedAt": START,
    }


def test_the_lease_of_a_baskets_other_item_is_stored_with_the_primary_and_no_intent(
    database: Database, leases: MongoLeaseStore, item: str
) -> None:
    all_taken(leases, [item], Primary("f" * 24, 7))
    [stored] = database["leases"].find({"_id": item})
    assert stored["primary"] == {"itemId": "f" * 24, "fence": 7}
    assert stored["intent"] is None
    assert stored["endsAt"] < stored["expiresAt"]


def is_held_by_the_word_of_release_0_2_0(database: Database, item: str) -> bool:
    """As that release asks before it takes a lease."""
    ended = {"$expr": {"$not": [{"$gt": ["$expiresAt", "$$NOW"]}]}}
    return database["leases"].count_documents({"_id": item, **ended}) == 0


def test_a_release_that_knows_no_baskets_sees_the_leases_of_a_basket_held_until_they_are_given_back(
    database: Database,
    leases: MongoLeaseStore,
    three: list[str],
    expire: Expire,
    expire_all: ExpireAll,
) -> None:
    *others, last = three
    left = [*expire_all(others, Primary(last, 1)), expire(last, intent(*three))]
    assert [lease.held for lease in leases.look(three)] == [False] * 3
    assert all(is_held_by_the_word_of_release_0_2_0(database, item) for item in three)
    taken(leases, last, left[-1].intent)
    assert is_held_by_the_word_of_release_0_2_0(database, last)
    leases.release([*left[:-1], look(leases, last)])
    until(
        lambda: not any(is_held_by_the_word_of_release_0_2_0(database, item) for item in three),
        "a majority has them given back",
    )


@pytest.mark.parametrize("is_abandonment", [False, True])
def test_a_release_that_knows_no_baskets_sees_when_the_lease_of_one_item_has_ended(
    database: Database, item: str, expire: Expire, is_abandonment: bool
) -> None:
    order = str(ObjectId())
    expire(item, Intent.to_abandon(order, START) if is_abandonment else intent(item))
    assert not is_held_by_the_word_of_release_0_2_0(database, item)


def test_a_lease_that_was_a_baskets_ends_for_every_release_once_one_item_has_it(
    database: Database, item: str, expire: Expire, expire_all: ExpireAll
) -> None:
    expire_all([item], Primary("f" * 24, 1))
    expire(item, intent(item))
    assert not is_held_by_the_word_of_release_0_2_0(database, item)


def test_the_leases_of_a_basket_are_seen_taken_and_given_back_in_one_round_trip_each(
    mongo: Mongod,
) -> None:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        leases = MongoLeaseStore(database, "one", LONG)
        # Asks what a store has to be asked once.
        leases.release([taken(leases, str(ObjectId()))])
        items = sorted(str(ObjectId()) for _ in range(10))
        commands.sent.clear()
        got = leases.acquire_all(leases.look(items), Primary(items[-1], 1))
        leases.release([lease for lease in got if lease])
        assert [next(iter(command)) for command in commands.sent] == ["find", "update", "update"]
    assert [len(command["updates"]) for command in commands.named("update")] == [10, 10]
    taking, giving_back = (each["writeConcern"] for each in commands.named("update"))
    assert (taking["w"], taking["j"], giving_back) == ("majority", True, {"w": 1})


def test_a_lease_is_asked_for_durably_of_the_majority(mongo: Mongod, item: str) -> None:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        MongoLeaseStore(database, "one", LONG).look_durably(item)
    [asked] = commands.named("find")
    assert asked["readConcern"]["level"] == "majority"


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
    free = look(leases, item)
    assert (waited(), lost()) == (1, 0)
    assert leases.acquire(free, None) is not None
    assert look(leases, item).held
    assert (waited(), lost()) == (1, 0)
    assert leases.acquire(free, None) is None
    assert (waited(), lost()) == (1, 1)
