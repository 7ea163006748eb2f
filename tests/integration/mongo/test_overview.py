"""What the processes tell of themselves, in a real MongoDB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.application.overview.read_last_hour import ReadLastHour
from order_service.application.overview.samples import SLOT_SECONDS, Counted, Sample, slot_of
from order_service.application.overview.workers import Beat, PartitionLag
from order_service.application.readiness import DependencyState
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.samples import MongoSamples
from order_service.infrastructure.mongo.workers import MongoWorkers
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PARTS = [
    DependencyState("store", True, None),
    DependencyState("kafka", True, "Kafka has not answered. $$NOW", SINCE),
]
LAGS = [PartitionLag("stock-updates", 1, 7), PartitionLag("stock_updates", 0, 0)]
SLOT = slot_of(datetime(2026, 1, 31, 12, 0, 44, tzinfo=UTC))


@pytest.fixture
def unmigrated(mongo: Mongod) -> Iterator[Database]:
    with connected(mongo.uri) as database:
        yield database


@pytest.fixture(params=["database", "unmigrated"])
def either(request: pytest.FixtureRequest) -> Database:
    """With the indexes that delete what is old, and without."""
    database: Database = request.getfixturevalue(request.param)
    return database


def beat(worker_id: str = "host:1:a", up_for: float = 0.0, **given: Any) -> Beat:
    return Beat(worker_id, "0.3.0", up_for, **{"parts": PARTS, "partitions": LAGS, **given})


def backdated(database: Database, worker_id: str, seconds: float) -> None:
    """Seen so long ago by the store's clock."""
    ago = {"$subtract": ["$$NOW", int(seconds * 1000)]}
    database["workers"].update_one({"_id": worker_id}, [{"$set": {"seenAt": ago}}])


class TestWorkers:
    def test_a_worker_is_seen_with_what_it_told_last(self, either: Database) -> None:
        workers = MongoWorkers(either)
        workers.tell(beat(parts=[], partitions=[]))
        workers.tell(beat())
        [worker] = workers.seen()
        assert (worker.id, worker.version, worker.alive) == ("host:1:a", "0.3.0", True)
        assert (worker.parts, worker.partitions) == (PARTS, LAGS)

    def test_a_worker_began_by_the_stores_clock_and_its_beginning_stays(
        self, database: Database
    ) -> None:
        workers, clock = MongoWorkers(database), StoreClock(database)
        workers.tell(beat(up_for=60.0))
        [first] = workers.seen()
        assert first.seen_at - first.started_at == timedelta(seconds=60)
        assert abs(clock.now() - first.seen_at) < timedelta(seconds=10)
        workers.tell(beat(up_for=65.5))
        [second] = workers.seen()
        assert second.started_at == first.started_at
        assert second.seen_at >= first.seen_at

    def test_a_worker_that_is_not_seen_is_dead_soon_and_forgotten_after_an_hour(
        self, either: Database
    ) -> None:
        workers = MongoWorkers(either)
        for worker_id, seconds in (("silent", 20), ("late", 10), ("gone", 3700), ("there", 0)):
            workers.tell(beat(worker_id))
            backdated(either, worker_id, seconds)
        found = [(each.id, each.alive) for each in workers.seen()]
        assert sorted(found[:2]) == [("late", True), ("there", True)]
        assert found[2:] == [("silent", False)]

    def test_a_worker_that_ends_in_order_is_no_more_seen(self, database: Database) -> None:
        workers = MongoWorkers(database)
        workers.tell(beat("one"))
        workers.tell(beat("other"))
        workers.forget("one")
        workers.forget("nobody")
        assert [each.id for each in workers.seen()] == ["other"]

    @pytest.mark.parametrize(
        "odd",
        [
            {"parts": None},
            {"parts": [7]},
            {"parts": [{"name": "store"}]},
            {"partitions": {"topic": 1}},
            {"partitions": [{"topic": "t", "partition": "x", "lag": 1}]},
            {"startedAt": "yesterday"},
            {"version": 7},
        ],
    )
    def test_a_document_that_is_no_workers_word_is_passed_over(
        self, odd: dict[str, Any], database: Database
    ) -> None:
        workers = MongoWorkers(database)
        workers.tell(beat("whole"))
        workers.tell(beat("odd"))
        database["workers"].update_one({"_id": "odd"}, {"$set": odd})
        database["workers"].insert_one({"_id": 7, "seenAt": datetime.now(UTC)})
        database["workers"].insert_one({"seenAt": "never"})
        assert [each.id for each in workers.seen()] == ["whole"]

    def test_a_worker_tells_no_more_than_fits_of_thousands_of_partitions_and_long_words(
        self, database: Database
    ) -> None:
        lags = [PartitionLag("t" * 249, number, number % 2000) for number in range(5000)]
        parts = [DependencyState("kafka", True, "x" * 10_000, SINCE)]
        workers = MongoWorkers(database)
        workers.tell(beat(parts=parts, partitions=lags))
        [worker] = workers.seen()
        assert len(worker.partitions) == 1000
        assert list(worker.partitions) == sorted(worker.partitions)
        assert min(each.lag for each in worker.partitions) >= 1500
        assert len(worker.parts[0].problem or "") == 500


class TestSamples:
    def test_what_processes_add_at_once_is_added_up_in_one_document_a_slot(
        self, either: Database
    ) -> None:
        later = SLOT + timedelta(seconds=SLOT_SECONDS)
        counted = Counted({"completed": 2}, {0.0025: 1, 0.5: 0, inf: 3})
        with ThreadPoolExecutor(20) as processes:
            for done in [
                processes.submit(MongoSamples(either).add, Sample(slot, counted))
                for slot in [SLOT, later] * 20
            ]:
                done.result()
        MongoSamples(either).add(Sample(later, Counted({"insufficient_stock": 1}, {})))
        first, second = MongoSamples(either).since(SLOT)
        assert first == Sample(SLOT, Counted({"completed": 40}, {0.0025: 20, 0.5: 0, inf: 60}))
        assert second.counted.orders == {"completed": 40, "insufficient_stock": 1}
        assert MongoSamples(either).since(later) == [second]

    def test_a_document_with_other_things_in_it_is_read_as_far_as_it_is_counts(
        self, database: Database
    ) -> None:
        samples = MongoSamples(database)
        samples.add(Sample(SLOT, Counted({"completed": 1}, {0.1: 1})))
        odd = {"orders.failed": "many", "orders.lost": -1, "creates.x": 3, "creates.7": None}
        database["samples"].update_one({"_id": SLOT}, {"$set": odd})
        database["samples"].insert_one({"_id": SLOT + timedelta(seconds=15), "orders": 3})
        database["samples"].insert_one({"_id": "text", "orders": {"completed": 1}})
        assert samples.since(SLOT) == [
            Sample(SLOT, Counted({"completed": 1}, {0.1: 1})),
            Sample(SLOT + timedelta(seconds=15), Counted({}, {})),
        ]

    def test_the_last_hour_has_what_was_added_now_and_nothing_older(
        self, database: Database
    ) -> None:
        samples, clock = MongoSamples(database), StoreClock(database)
        now = slot_of(clock.now())
        for at in (now, now - timedelta(minutes=59), now - timedelta(minutes=61)):
            samples.add(Sample(at, Counted({"completed": 1}, {})))
        hour = ReadLastHour(samples, clock)()
        assert [each.at for each in hour.slots] == [now - timedelta(minutes=59), now]
        assert hour.began <= hour.slots[0].at
        assert hour.slots[-1].at <= hour.ended


class TestIndexes:
    def test_a_store_whose_documents_do_not_expire_yet_is_ready_all_the_same(
        self, database: Database
    ) -> None:
        for collection in ("workers", "samples"):
            database[collection].drop_index("expiry")
        schema.require_migrated(database)
        MongoWorkers(database).tell(beat())
        schema.migrate(database)
        assert expiry(database, "workers") == 3600
        assert expiry(database, "samples") == 7200

    def test_an_expiry_that_was_changed_by_hand_stays_and_stops_no_migration(
        self, database: Database
    ) -> None:
        database.command(
            "collMod", "samples", index={"name": "expiry", "expireAfterSeconds": 86_400}
        )
        schema.migrate(database)
        assert expiry(database, "samples") == 86_400

    def test_a_beat_and_a_sample_are_one_command_each(
        self, database: Database, commands: Commands
    ) -> None:
        MongoWorkers(database).tell(beat())
        MongoSamples(database).add(Sample(SLOT, Counted({"completed": 1}, {})))
        assert [next(iter(command)) for command in commands.sent] == ["update", "update"]


def expiry(database: Database, collection: str) -> int:
    return int(database[collection].index_information()["expiry"]["expireAfterSeconds"])
