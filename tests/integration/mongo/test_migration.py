"""``migrate``: however long it takes, whatever stands in its way, and what may not go before it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from devstack.mongod import Mongod
from order_service.application.orders.list import OrderQuery
from order_service.domain.errors import StoreUnavailable
from order_service.domain.hindsight import whole_history
from order_service.domain.hold import Hold
from order_service.domain.order import Order
from order_service.infrastructure.dependencies import StoreDependency
from order_service.infrastructure.mongo import index_building, schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.index_building import Report
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from order_service.infrastructure.mongo.retention import log_kept
from tests.fixtures import restore
from tests.integration.connections import connected
from tests.integration.mongo.guarded_mongod import HALFWAY, GuardedMongod
from tests.integration.mongo.test_stock_change_log import change
from tests.orders import (
    CALLER,
    ITEM,
    as_stored,
    basket,
    cancelled,
    completed,
    key,
    later,
    moved_at,
    pending,
)
from tests.waiting import until

NOT_MIGRATED = "The database is not migrated: run `order-service migrate`."


@pytest.fixture
def fresh(mongo: Mongod) -> Iterator[Database]:
    """A database without indexes."""
    with connected(mongo.uri) as database:
        yield database


def listed(database: Database, collection: str) -> set[str]:
    return set(database[collection].index_information())


class Said:
    """What migrate said, line by line."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.going_on: list[str] = []
        self.report = Report(self.done.append, self.going_on.append)


def migrated(database: Database, days: int | None = None, *, resolve: bool = False) -> list[str]:
    said = Said()
    schema.migrate(database, days, said.report, resolve)
    return said.done


# --- however long it takes


def test_making_an_index_may_take_longer_than_a_request_may(
    guarded: GuardedMongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_building, "LOOK_EVERY", 0.1)
    said = Said()
    with (
        connected(guarded.uri_of(), store_timeout=0.5) as database,
        ThreadPoolExecutor(1) as threads,
    ):
        until(lambda: _works(lambda: database["orders"].insert_one({})), "connected")
        with guarded.failing(HALFWAY):
            running = threads.submit(schema.migrate, database, 0, said.report)
            until(lambda: len(said.going_on) > 12, "more than twice the time-out passed", 30)
            assert not running.done()
        running.result(60)
    assert "Index orders.one_order_for_each_key: made." in said.done
    assert said.going_on[0].startswith("Index orders.one_order_for_each_key: the server is")


def _works(use: Callable[[], object]) -> bool:
    use()
    return True


@contextmanager
def order_service_migrate(uri: str, name: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PATH": os.environ["PATH"], "MONGO_URI": uri, "MONGO_DATABASE": name, **settings}
    command = [sys.executable, "-m", "order_service", "migrate"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_after_an_interrupted_migration_the_next_one_waits_for_the_same_index(
    guarded: GuardedMongod, tmp_path: Path
) -> None:
    with connected(guarded.uri_of()) as database:
        name = database.name
        database["orders"].insert_one({})
        with guarded.failing(HALFWAY):
            with order_service_migrate(guarded.uri_of(), name) as first:
                until(
                    lambda: "one_order_for_each_key" in listed(database, "orders"),
                    "it is being made",
                    30,
                )
                first.send_signal(signal.SIGINT)
                out, err = first.communicate(timeout=90)
            assert first.returncode == 130
            assert out == ""
            assert "goes on with the index" in err
            assert "Traceback" not in err
            assert "one_order_for_each_key" in listed(database, "orders")
            with order_service_migrate(guarded.uri_of(), name) as second:
                until(lambda: waiting_for_index(guarded), "the second waits too", 30)
        with order_service_migrate(guarded.uri_of(), name) as third:
            out, err = third.communicate(timeout=60)
        assert (third.returncode, err) == (0, "")
        assert out.splitlines()[-1] == "The database is up to date."
        assert second.returncode != 0
        StoreDependency(database).check()


def waiting_for_index(guarded: GuardedMongod) -> bool:
    ops = [
        {"$currentOp": {}},
        {"$match": {"command.createIndexes": "orders", "client": {"$gt": ""}}},
    ]
    with guarded.keeper() as keeper:
        return bool(list(keeper.admin.aggregate(ops)))


# --- from an earlier release, while the service runs


def by_reference(database: Database, reference: str) -> list[str]:
    """The ids of its orders, by the index that is new."""
    page = MongoOrderPages(database).page(OrderQuery(reference=reference, item_id=ITEM))
    return [order.id for order in page]


def test_orders_are_written_while_a_store_of_an_earlier_release_gets_its_new_indexes(
    guarded: GuardedMongod,
) -> None:
    with connected(guarded.uri_of()) as database, ThreadPoolExecutor(1) as threads:
        restore(database, "store_of_0_2_0")
        there, before = listed(database, "orders"), database["orders"].count_documents({})
        repository = MongoOrderRepository(database)
        waiting = repository.add(basket(reference="before"))
        with pytest.raises(StoreUnavailable, match="not migrated to this release: it has schema 2"):
            StoreDependency(database).check()
        with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
            by_reference(database, "before")
        with guarded.failing(HALFWAY):
            migrating = threads.submit(schema.migrate, database)
            until(lambda: listed(database, "orders") > there, "the first new one is being made")
            added = [repository.add(place(reference="meanwhile")) for place in (basket, pending)]
            repository.save(moved_at(waiting, later(1)))
            with pytest.raises(StoreUnavailable, match="not migrated to this release"):
                StoreDependency(database).check()
            assert not migrating.done()
        migrating.result(60)
        StoreDependency(database).check()
        assert listed(database, "orders") >= there
        assert by_reference(database, "before") == [waiting.id]
        newest_first = sorted((order.id for order in added), reverse=True)
        assert by_reference(database, "meanwhile") == newest_first
        page = MongoOrderPages(database).page(OrderQuery(limit=100))
        assert len({order.id for order in page}) == before + 3


def test_orders_that_are_written_without_a_pause_are_all_in_the_indexes_of_a_migration(
    mongo: Mongod,
) -> None:
    with connected(mongo.uri) as database, ThreadPoolExecutor(4) as threads:
        restore(database, "store_of_0_2_0")
        repository, migrated = MongoOrderRepository(database), threading.Event()

        def write() -> int:
            written = 0
            while not migrated.is_set():
                place = basket if written % 2 else pending
                stored = repository.add(place(reference="meanwhile"))
                repository.save(moved_at(stored, later(1)))
                written += 1
            return written

        writing = [threads.submit(write) for _ in range(3)]
        until(lambda: by_hand(database, "meanwhile") > 50, "orders are written")
        schema.migrate(database)
        seen = by_hand(database, "meanwhile")
        migrated.set()
        written = sum(each.result(60) for each in writing)
        assert written >= seen > 50
        keys = database.command("validate", "orders")["keysPerIndex"]
        assert keys["list_reference"] == keys["list_reference_status"] == written
        assert keys["list_reference_item"] == by_hand(database, "meanwhile", {"$size": "$itemId"})


def by_hand(database: Database, reference: str, each: Any = 1) -> int:
    """Its orders, by reading all; ``each``: what of each order is counted."""
    counted = {"$cond": [{"$isArray": "$itemId"}, each, 1]}
    pipeline = [
        {"$match": {"reference": reference}},
        {"$group": {"_id": None, "sum": {"$sum": counted}}},
    ]
    return sum(found["sum"] for found in database["orders"].aggregate(pipeline))


def as_schema_3_left_it(database: Database, *orders: Order) -> None:
    """Before there were holds and histories."""
    schema.migrate(database)
    for index in ("held", "one_hold_for_each_slot"):
        database["orders"].drop_index(index)
    database["schema"].replace_one({"_id": "schema"}, {"version": 3})
    documents = [as_stored(order) for order in orders]
    for document in documents:
        del document["history"]
        for event in document["outbox"]:
            del event["sequence"]
        document.pop("cancelRequestedBy", None)
    database["orders"].insert_many(documents)


def test_a_store_of_schema_3_gets_the_indexes_of_holds_and_its_orders_stay_as_they_are(
    fresh: Database,
) -> None:
    orders = [completed(basket()), cancelled(), pending()]
    as_schema_3_left_it(fresh, *orders)
    before = list(fresh["orders"].find())
    with pytest.raises(StoreUnavailable, match="not migrated to this release: it has schema 3"):
        schema.require_migrated(fresh)
    done = migrated(fresh)
    assert [line for line in done if line.endswith(": made.")] == [
        "Index orders.one_hold_for_each_slot: made.",
        "Index orders.held: made.",
    ]
    schema.require_migrated(fresh)
    mark = {"_id": "schema", "version": schema.VERSION, "needs": schema.NEEDS}
    assert fresh["schema"].find_one() == mark
    assert list(fresh["orders"].find()) == before


def test_orders_of_schema_3_have_the_history_that_their_fields_tell_and_events_in_sequence(
    fresh: Database,
) -> None:
    sold, taken_back = completed(basket(customer_id="somebody")), cancelled()
    as_schema_3_left_it(fresh, sold, taken_back)
    migrated(fresh)
    repository, outbox = MongoOrderRepository(fresh), MongoOutbox(fresh)
    told = []
    for order in (sold, taken_back):
        found = repository.with_history(order.id)
        assert found is not None
        told.append(whole_history(*found))
    assert [(str(each.event), each.by, each.recorded) for each in told[0]] == [
        ("ORDER_PLACED", CALLER, False),
        ("ORDER_CREATED", None, False),
    ]
    assert [(str(each.event), each.recorded) for each in told[1]] == [
        ("ORDER_PLACED", False),
        ("ORDER_CREATED", False),
        ("ORDER_CANCEL_REQUESTED", False),
        ("ORDER_CANCELLED", False),
    ]
    assert [each.sequence for each in outbox.unpublished_of(sold.id)] == [1]
    assert [each.sequence for each in outbox.unpublished_of(taken_back.id)] == [1, 2]


@pytest.mark.parametrize("index", ["one_hold_for_each_slot", "one_order_for_each_key"])
def test_a_store_with_the_newest_mark_that_lacks_a_unique_index_is_not_migrated(
    index: str, database: Database
) -> None:
    schema.require_migrated(database)
    database["orders"].drop_index(index)
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        schema.require_migrated(database)


# --- what stands in its way


def doubled_orders(database: Database, keys: int = 1, orders: int = 3) -> list[ObjectId]:
    """As a release before this one took them."""
    ids = []
    for number in range(keys):
        for order in range(orders):
            document: dict[str, Any] = {
                "_id": ObjectId(),
                "idempotency": {"caller": "a\nb", "key": f"key {number}", "fingerprint": "f"},
                "createdAt": change().updated_at.replace(microsecond=order * 1000),
                "version": 1,
            }
            database["orders"].insert_one(document)
            ids.append(document["_id"])
    return ids


def test_migrate_names_the_orders_that_share_a_key_and_changes_nothing(fresh: Database) -> None:
    ids, said = doubled_orders(fresh, keys=2), Said()
    before = list(fresh["orders"].find())
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as stopped:
            schema.migrate(fresh, None, said.report)
    assert "orders.one_order_for_each_key can't be made: 2 of" in stopped.value.message
    assert "`order-service migrate --resolve-doubles`" in stopped.value.message
    first = f'Key "key 0" of caller "a\\nb": 3 orders: {ids[0]}, {ids[1]}, {ids[2]}.'
    assert said.going_on[0] == first
    assert len(said.going_on) == 4
    assert list(fresh["orders"].find()) == before
    with pytest.raises(StoreUnavailable, match=NOT_MIGRATED):
        StoreDependency(fresh).check()


def test_migrate_with_resolve_doubles_frees_the_shared_keys_and_every_order_stays(
    fresh: Database,
) -> None:
    ids = doubled_orders(fresh, keys=2)
    done = migrated(fresh, resolve=True)
    assert f"{ids[0]} keeps it; orders that stay, without the key: {ids[1]}, {ids[2]}." in done[0]
    assert "Index orders.one_order_for_each_key: made." in done
    stored = {each["_id"]: each for each in fresh["orders"].find()}
    assert set(stored) == set(ids)
    assert [ids.index(each) for each in ids if "idempotency" in stored[each]] == [0, 3]
    assert stored[ids[1]]["version"] == 2
    StoreDependency(fresh).check()


def test_migrate_with_resolve_doubles_frees_the_shared_slots_and_every_order_keeps_its_key(
    fresh: Database,
) -> None:
    """As in a copy that was made without the indexes, and used by a process that had seen them."""
    place = partial(pending, hold=Hold(60, slot=3), customer_id="somebody")
    orders = [place(at=later(n), idempotency=key(f"key {n}")) for n in range(3)]
    fresh["orders"].insert_many([as_stored(order) for order in orders])
    said = Said()
    with pytest.raises(StoreUnavailable, match="one_hold_for_each_slot can't be made: 1 of"):
        schema.migrate(fresh, None, said.report)
    ids = [order.id for order in orders]
    assert said.going_on == [f'Slot 3 of caller "somebody": 3 orders: {", ".join(ids)}.']
    done = migrated(fresh, resolve=True)
    freed = f"{ids[0]} keeps it; orders that stay, without the slot: {ids[1]}, {ids[2]}."
    assert f'Slot 3 of caller "somebody": {freed}' in done
    stored = MongoOrderRepository(fresh).get_many(ids)
    assert [(each.hold, each.idempotency, each.version) for each in stored] == [
        (Hold(60, 3 if n == 0 else None), order.idempotency, 1 if n == 0 else 2)
        for n, order in enumerate(orders)
    ]
    StoreDependency(fresh).check()


def test_migrate_names_doubled_log_entries_and_with_resolve_doubles_sets_them_aside(
    fresh: Database,
) -> None:
    entry = {"source": {"topic": "t", "partition": 0, "offset": 7}, "payload": {"$ref": "x"}}
    ids = [ObjectId() for _ in range(3)]
    fresh["stock_changes"].insert_many([{"_id": each, **entry} for each in ids])
    said = Said()
    with pytest.raises(StoreUnavailable, match="one_for_each_record can't be made"):
        schema.migrate(fresh, None, said.report)
    assert said.going_on == [f'Record "t"[0]@7: 3 entries: {ids[0]}, {ids[1]}, {ids[2]}.']
    assert fresh["stock_changes"].count_documents({}) == 3
    migrated(fresh, resolve=True)
    assert [each["_id"] for each in fresh["stock_changes"].find()] == ids[:1]
    aside = list(fresh["stock_changes_doubled"].find())
    assert [each["_id"] for each in aside] == ids[1:]
    assert aside[0]["payload"] == entry["payload"]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("made_by_hand", [("awaitingSince", 1)]),
        ("waiting_for_stock", [("awaitingSince", -1)]),
    ],
)
def test_an_index_in_the_place_of_one_of_ours_is_named_and_not_dropped(
    name: str, keys: list[tuple[str, int]], fresh: Database
) -> None:
    partial = {"awaitingSince": {"$exists": True}}
    fresh["orders"].create_index(keys, name=name, partialFilterExpression=partial)
    with pytest.raises(StoreUnavailable) as stopped:
        schema.migrate(fresh)
    assert "orders.waiting_for_stock can't be made" in stopped.value.message
    assert f"db.orders.dropIndex('{name}')" in stopped.value.message
    assert name in listed(fresh, "orders")
    fresh["orders"].drop_index(name)
    schema.migrate(fresh)


# --- how long the log is kept


def test_migrate_reports_every_step_and_its_second_run_finds_all_made(fresh: Database) -> None:
    first, second = migrated(fresh), migrated(fresh)
    assert len(first) == len(second) == 28
    assert all(line.endswith(": made.") for line in first[:-1])
    assert all(line.endswith(": there.") for line in second[:-1])


def test_the_retention_of_the_log_changes_only_by_a_number_that_was_given(fresh: Database) -> None:
    told = [migrated(fresh, days)[-1] for days in (None, 30, 30, None, 90, None, 0, 0, None)]
    index = "Index stock_changes.expiry"
    unset = "STOCK_CHANGE_RETENTION_DAYS is not set, so that stays as it is."
    assert told == [
        f"Stock changes are kept for ever: {unset}",
        f"{index}: made. Stock changes are kept 30 days.",
        f"{index}: there. Stock changes are kept 30 days.",
        f"Stock changes are kept 30 days: {unset}",
        f"{index}: changed from 30 days to 90 days. Stock changes are kept 90 days.",
        f"Stock changes are kept 90 days: {unset}",
        f"{index}: dropped, which kept them 90 days. Stock changes are kept for ever.",
        f"{index}: not asked for. Stock changes are kept for ever.",
        f"Stock changes are kept for ever: {unset}",
    ]
    assert log_kept(fresh) is None


def test_migrate_without_a_retention_setting_leaves_the_logs_expiry_as_it_is(
    guarded: GuardedMongod,
) -> None:
    with connected(guarded.uri_of()) as database:
        name = database.name
        for given, days in (({"STOCK_CHANGE_RETENTION_DAYS": "30"}, 30), ({}, 30)):
            with order_service_migrate(guarded.uri_of(), name, **given) as process:
                out, _ = process.communicate(timeout=60)
            assert f"kept {days} days" in out
            kept = log_kept(database)
            assert kept is not None
            assert kept.days == days
