"""Nothing that a promise hangs on is written before its index is there."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from devstack.mongod import Mongod
from order_service.application.orders.create import IdempotencyKeyTaken
from order_service.application.stock.lease import Lease
from order_service.domain.errors import OrderServiceError, StoreUnavailable
from order_service.domain.hold import Hold
from order_service.infrastructure.dependencies import StoreDependency
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.documents import OrderDocument
from order_service.infrastructure.mongo.indexes import UniqueIndexes
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.integration.mongo.guarded_mongod import HALFWAY, GuardedMongod
from tests.integration.mongo.test_stock_change_log import change
from tests.orders import key, pending
from tests.waiting import until

NOT_MIGRATED = "The database is not migrated: run `order-service migrate`."


@pytest.fixture
def fresh(mongo: Mongod) -> Iterator[Database]:
    """A database without indexes."""
    with connected(mongo.uri) as database:
        yield database


WRITES: dict[str, Callable[[Database], object]] = {
    "a held order": lambda database: MongoOrderRepository(database).add(
        pending(hold=Hold(60, slot=1), customer_id="somebody")
    ),
    "an order": lambda database: MongoOrderRepository(database).add(pending(idempotency=key())),
    "a lease": lambda database: MongoLeaseStore(database, "a", 10).acquire(
        Lease("i", 0, False, None), None
    ),
    "an entry": lambda database: MongoStockChangeLog(database).append([change()]),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_database_that_was_not_migrated_takes_nothing(
    write: Callable[[Database], object], fresh: Database
) -> None:
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        write(fresh)
    assert fresh.list_collection_names() == []
    schema.migrate(fresh)
    write(fresh)


def test_one_key_12_times_at_once_makes_no_order_before_migrating_and_one_after(
    fresh: Database,
) -> None:
    repository = MongoOrderRepository(fresh)

    def create(_: int) -> str:
        try:
            repository.add(pending(idempotency=key("once")))
        except (IdempotencyKeyTaken, OrderServiceError) as error:
            return type(error).__name__
        return "stored"

    with ThreadPoolExecutor(12) as threads:
        before = list(threads.map(create, range(12)))
        stored = fresh["orders"].count_documents({})
        schema.migrate(fresh)
        after = list(threads.map(create, range(12)))
    assert before == ["StoreUnavailable"] * 12
    assert stored == 0
    assert after.count("stored") == 1
    assert fresh["orders"].count_documents({}) == 1


@pytest.mark.parametrize("wrong", [{}, {"unique": False}, {"unique": True, "sparse": True}])
def test_an_index_of_a_required_name_that_promises_less_does_not_count(
    wrong: dict[str, Any], fresh: Database
) -> None:
    keys = [("idempotency.caller", 1), ("idempotency.key", 1)]
    fresh["orders"].create_index(keys, name="one_order_for_each_key", **wrong)
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        WRITES["an order"](fresh)


def test_the_store_is_not_ready_with_a_mark_of_migration_but_without_an_index(
    database: Database,
) -> None:
    """So is a copy that was made without them."""
    StoreDependency(database).check()
    database["stock_changes"].drop_index("one_for_each_record")
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        StoreDependency(database).check()


def test_a_required_index_that_is_still_being_made_does_not_count(guarded: GuardedMongod) -> None:
    with connected(guarded.uri_of()) as database, ThreadPoolExecutor(1) as threads:
        indexes = UniqueIndexes(database, OrderDocument)
        database["orders"].insert_one({"status": "of before"})
        with guarded.failing(HALFWAY):
            running = threads.submit(schema.migrate, database)
            until(
                lambda: "one_order_for_each_key" in database["orders"].index_information(),
                "it is being made",
            )
            with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
                indexes.require()
        running.result(60)
        indexes.require()


def test_a_store_that_lacks_the_index_of_the_slots_takes_every_order_but_those_with_a_slot(
    database: Database,
) -> None:
    """So is the store of an earlier release until it is migrated."""
    database["orders"].drop_index("one_hold_for_each_slot")
    repository = MongoOrderRepository(database)
    repository.add(pending(idempotency=key()))
    repository.add(pending(hold=Hold(60)))
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        WRITES["a held order"](database)
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        StoreDependency(database).check()
    schema.migrate(database)
    WRITES["a held order"](database)


def test_indexes_that_were_seen_once_are_not_looked_for_again(mongo: Mongod) -> None:
    commands = Commands()
    with connected(mongo.uri, {"event_listeners": [commands]}) as database:
        schema.migrate(database)
        repository, log = MongoOrderRepository(database), MongoStockChangeLog(database)
        leases = MongoLeaseStore(database, "a", 10)
        repository.add(pending())
        leases.acquire(Lease("i", 0, False, None), None)
        log.append([change()])
        commands.sent.clear()
        repository.add(pending())
        leases.acquire(Lease("j", 0, False, None), None)
        log.append([change(1)])
        assert [next(iter(sent)) for sent in commands.sent] == ["insert", "update", "insert"]
