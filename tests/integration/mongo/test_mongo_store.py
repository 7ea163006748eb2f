"""The store as a server: its indexes, its clock, its absence, and how writes are acknowledged."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from pymongo import ReadPreference
from pymongo.monitoring import CommandSucceededEvent

from devstack.mongod import Mongod
from order_service.application.orders.create import IdempotencyKeyTaken
from order_service.application.overview.samples import Counted, Sample, slot_of
from order_service.application.overview.workers import Beat
from order_service.application.stock.lease import Lease
from order_service.domain.errors import StoreUnavailable
from order_service.domain.moves import StockMove
from order_service.domain.order import Order
from order_service.infrastructure.dependencies import StoreDependency
from order_service.infrastructure.mongo import clock, schema
from order_service.infrastructure.mongo.backlog import read_backlog
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.index_building import Report
from order_service.infrastructure.mongo.leases import MongoLeaseStore
from order_service.infrastructure.mongo.logged_moves import MongoLoggedMoves
from order_service.infrastructure.mongo.orders import MongoOrderRepository, MongoOutbox
from order_service.infrastructure.mongo.retention import log_kept
from order_service.infrastructure.mongo.samples import MongoSamples
from order_service.infrastructure.mongo.workers import MongoWorkers
from tests.integration.cli.commands import Commands
from tests.integration.connections import connected
from tests.orders import (
    CALLER,
    completed,
    held,
    in_every_state,
    key,
    later,
    moved_at,
    pending,
    stuck_without_intent,
)
from tests.waiting import until

# --- migration


def test_migrating_twice_changes_nothing(database: Database) -> None:
    def indexes() -> dict[str, Any]:
        return {
            name: database[name].index_information() for name in database.list_collection_names()
        }

    before = indexes()
    schema.migrate(database)
    assert indexes() == before
    assert {"one_order_for_each_key", "waiting_for_stock", "unpublished"} <= set(before["orders"])
    assert before["orders"]["one_order_for_each_key"]["unique"] is True


def test_the_store_is_not_ready_before_it_is_migrated(mongo: Mongod) -> None:
    with connected(mongo.uri) as database:
        with pytest.raises(StoreUnavailable, match="order-service migrate"):
            StoreDependency(database).check()
        schema.migrate(database)
        StoreDependency(database).check()


def marked(database: Database) -> dict[str, Any]:
    mark = database["schema"].find_one({"_id": "schema"})
    assert mark is not None
    return mark


def migrated_by_a_newer_release(database: Database, needs: int) -> dict[str, Any]:
    """The mark, as a release of schema 9 leaves it."""
    mark = {"version": 9, "needs": needs}
    database["schema"].update_one({"_id": "schema"}, {"$set": mark})
    return marked(database)


def test_the_store_that_an_older_release_migrated_is_not_ready_and_says_what_to_run(
    database: Database,
) -> None:
    database["schema"].replace_one({"_id": "schema"}, {"version": 2})
    with pytest.raises(StoreUnavailable) as refused:
        StoreDependency(database).check()
    assert str(refused.value) == (
        "The database is not migrated to this release: it has schema 2, and this release needs "
        f"{schema.VERSION}. Run `order-service migrate` of this release."
    )
    schema.migrate(database)
    StoreDependency(database).check()


def test_a_process_of_release_0_2_0_finds_a_migrated_store_ready(database: Database) -> None:
    """All that its readiness asks of the mark is a version of 2 or more."""
    mark = marked(database)
    assert mark["version"] >= 2
    assert mark["needs"] == 2


def test_a_store_that_a_newer_release_migrated_is_ready_where_its_mark_lets_this_release_use_it(
    database: Database,
) -> None:
    migrated_by_a_newer_release(database, needs=schema.VERSION)
    StoreDependency(database).check()


def test_a_store_that_is_too_new_for_this_release_is_not_ready_and_says_so(
    database: Database,
) -> None:
    mark = migrated_by_a_newer_release(database, needs=schema.VERSION + 1)
    for use in (StoreDependency(database).check, lambda: schema.migrate(database)):
        with pytest.raises(StoreUnavailable) as refused:
            use()
        assert str(refused.value) == (
            "The database is too new for this release: a newer release has migrated it to schema "
            f"9, which takes releases of schema {schema.VERSION + 1} or newer, and this one has "
            f"{schema.VERSION}. Start the newer release in place of this one."
        )
    assert marked(database) == mark


def test_migrating_with_an_older_release_changes_nothing_and_says_so(database: Database) -> None:
    mark = migrated_by_a_newer_release(database, needs=2)
    database["orders"].drop_index("held")
    before = database["orders"].index_information()
    said: list[str] = []
    schema.migrate(database, 7, Report(said.append, said.append))
    assert marked(database) == mark
    assert database["orders"].index_information() == before
    assert log_kept(database) is None
    [line] = said
    assert line.startswith("A newer release has migrated the database: it has schema 9, ")
    assert "Nothing was changed" in line


# --- indexes


def explained(database: Database, commands: Commands, ask: Callable[[], object]) -> dict[str, Any]:
    """How the server carries out the one find that ``ask`` sends."""
    commands.sent.clear()
    ask()
    [find] = commands.named("find")
    wanted = ("find", "filter", "sort", "limit", "projection")
    command = {name: find[name] for name in wanted if name in find}
    answer: dict[str, Any] = database.command("explain", command, verbosity="executionStats")
    return answer


def stages(plan: dict[str, Any]) -> list[str]:
    inner = plan.get("inputStage")
    return [plan["stage"], *(stages(inner) if inner else [])]


def index_used(plan: dict[str, Any]) -> str | None:
    found: str | None = plan.get("indexName")
    return found or (index_used(plan["inputStage"]) if "inputStage" in plan else None)


def _taken(repository: MongoOrderRepository) -> None:
    with pytest.raises(IdempotencyKeyTaken):
        repository.add(pending(idempotency=key("held")))


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda orders, _: orders.unsettled(later(100), 10), "waiting_for_stock"),
        (lambda orders, _: orders.unsettled(later(9), 9, [pending()]), "waiting_for_stock"),
        (lambda orders, _: orders.stuck(10), "waiting_for_stock"),
        (lambda _, outbox: outbox.unpublished(10), "unpublished"),
        (lambda orders, _: _taken(orders), "one_order_for_each_key"),
    ],
    ids=["unsettled", "more of them", "stuck", "unpublished", "holder of a key"],
)
def test_every_query_of_the_worker_uses_its_index_among_many_settled_orders(
    ask: Callable[[MongoOrderRepository, MongoOutbox], object],
    index: str,
    database: Database,
    commands: Commands,
) -> None:
    repository, outbox = MongoOrderRepository(database), MongoOutbox(database)
    done = in_every_state()["completed"]
    others = [replace(done, id=repository.next_id(), idempotency=None) for _ in range(200)]
    for order in others:
        repository.add(order)
    repository.add(pending(idempotency=key("held")))
    repository.save(stuck_without_intent(repository.add(pending())))
    repository.save(moved_at(repository.add(pending()), later(1)))
    assert len(outbox.unpublished(10)) == 1
    plan = explained(database, commands, lambda: ask(repository, outbox))
    winner = plan["queryPlanner"]["winningPlan"]
    assert index_used(winner) == index
    assert "SORT" not in stages(winner)
    assert plan["executionStats"]["totalDocsExamined"] <= 2
    assert plan["executionStats"]["totalKeysExamined"] <= 3


def test_published_orders_leave_the_index_of_the_unpublished(
    database: Database, commands: Commands
) -> None:
    repository, outbox = MongoOrderRepository(database), MongoOutbox(database)
    for _ in range(5):
        repository.save(moved_at(repository.add(pending()), later(1)))
    outbox.mark_published(event for events in outbox.unpublished(10) for event in events)
    plan = explained(database, commands, lambda: outbox.unpublished(10))
    assert index_used(plan["queryPlanner"]["winningPlan"]) == "unpublished"
    assert plan["executionStats"]["totalKeysExamined"] == 0


# --- how writes are acknowledged

DURABLE = {"w": "majority", "j": True}


@pytest.mark.parametrize(
    "options",
    [
        "",
        "&w=majority&journal=true&readConcernLevel=majority&readPreference=primary",
        "&connectTimeoutMS=900&maxIdleTimeMS=9000&compressors=zlib&localThresholdMS=1&appName=x",
    ],
)
def test_every_write_is_majority_acknowledged_and_journaled_whatever_the_uri_may_say(
    options: str, mongo: Mongod
) -> None:
    commands = Commands()
    with connected(mongo.uri + options, {"event_listeners": [commands]}) as database:
        used = database.client
        assert used.read_preference == ReadPreference.PRIMARY
        assert used.options.timeout == 9
        assert used.options.pool_options.max_pool_size == 64
        schema.migrate(database)
        repository, outbox = MongoOrderRepository(database), MongoOutbox(database)
        leases = MongoLeaseStore(database, "somebody", 10)
        commands.sent.clear()
        stored = repository.save(moved_at(repository.add(pending()), later(1)))
        repository.forget_key(stored.id)
        outbox.mark_published(outbox.unpublished(10)[0])
        item = str(ObjectId())
        for _ in range(2):
            lease = leases.acquire(leases.look([item])[0], None)
            assert lease is not None
            leases.clear(lease)
    writes = [*commands.named("insert"), *commands.named("update")]
    writes += commands.named("findAndModify")
    assert len(writes) == 8
    assert [each["writeConcern"] for each in writes] == [DURABLE] * 8
    reads = [each for each in commands.named("find") if each["find"] == "orders"]
    assert [each["readConcern"] for each in reads] == [{"level": "majority"}] * len(reads)


def test_giving_a_lease_back_waits_for_no_journal(database: Database, commands: Commands) -> None:
    leases = MongoLeaseStore(database, "somebody", 10)
    lease = leases.acquire(leases.look([str(ObjectId())])[0], None)
    assert lease is not None
    commands.sent.clear()
    leases.release([lease])
    [update] = commands.named("update")
    assert update["writeConcern"] == {"w": 1}


def test_a_save_of_many_orders_is_one_round_trip(database: Database, commands: Commands) -> None:
    repository = MongoOrderRepository(database)
    orders = [repository.add(pending()) for _ in range(5)]
    commands.sent.clear()
    repository.save_all([moved_at(order, later(1)) for order in orders])
    assert len(commands.sent) == 1


class AfterAnUpdate(Commands):
    """Does something once, between the first update of the process and its next command."""

    def __init__(self) -> None:
        super().__init__()
        self.act: Callable[[], object] | None = None

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name == "update" and (act := self.act):
            self.act = None
            act()


def test_the_winner_of_a_race_is_told_so_even_if_somebody_has_changed_the_order_since(
    mongo: Mongod, database: Database
) -> None:
    elsewhere, update = MongoOrderRepository(database), AfterAnUpdate()
    with connected(mongo.uri, {"event_listeners": [update]}, mongo_database=database.name) as own:
        repository = MongoOrderRepository(own)
        won, lost, late = [repository.add(held(customer_id=name)) for name in ("a", "b", "c")]
        elsewhere.save(lost.confirm(later(3), CALLER))
        extended = [each.extend(later(90), later(4), CALLER) for each in (won, lost, late)]
        cancel = partial(Order.request_cancel, at=later(5), by=CALLER)
        update.act = lambda: elsewhere.save(cancel(extended[0].saved()))
        assert repository.save_all(extended) == [extended[0].saved(), extended[2].saved()]
        now = repository.get(won.id)
        assert now is not None
        assert now.version == extended[0].saved().version + 1


def test_of_two_who_save_the_same_change_in_the_same_millisecond_one_is_told_that_it_won(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    orders = [repository.add(held(customer_id=name)) for name in ("a", "b", "c")]
    repository.save(orders[2].confirm(later(3), CALLER))
    expiring = [order.expire(later(70)) for order in orders]
    first = repository.save_all(expiring[:1])
    # The other batch wins one race, and makes the very same version of the first order.
    assert repository.save_all(expiring) == [expiring[1].saved()]
    assert first == [expiring[0].saved()]
    assert repository.get_many([order.id for order in orders[:2]]) == [
        expiring[0].saved(),
        expiring[1].saved(),
    ]


# --- the store's clock

A_ROUND_TRIP = timedelta(milliseconds=100)


def test_the_store_clock_tells_the_stores_time_in_whole_milliseconds(database: Database) -> None:
    before = database.command("hello")["localTime"].replace(tzinfo=UTC)
    now = StoreClock(database).now()
    after = database.command("hello")["localTime"].replace(tzinfo=UTC)
    assert before - A_ROUND_TRIP <= now <= after + A_ROUND_TRIP
    assert now.utcoffset() == timedelta(0)
    assert now.microsecond % 1000 == 0


def test_the_store_clock_does_not_depend_on_the_processes_wall_clock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = datetime.now(UTC)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert abs(StoreClock(database).now() - truth) < timedelta(seconds=5)


def test_the_store_clock_ignores_a_reading_that_was_held_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, delays = database.command, iter([0.5, 0, 0])

    def slow(name: str) -> Any:
        time.sleep(next(delays))
        return honest(name)

    monkeypatch.setattr(database, "command", slow)
    apart = StoreClock(database).now() - datetime.now(UTC)
    assert abs(apart) < timedelta(milliseconds=200)


def test_the_store_clock_goes_on_without_asking_the_store_again(
    database: Database, commands: Commands
) -> None:
    asked = StoreClock(database)
    first = asked.now()
    readings = len(commands.named("hello"))
    until(lambda: asked.now() > first, "time goes on")
    assert len(commands.named("hello")) == readings


def test_the_store_clock_asks_the_store_again_when_its_answer_is_old(
    database: Database, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "REFRESH_SECONDS", 0.01)
    asked = StoreClock(database)
    asked.now()
    readings = len(commands.named("hello"))
    until(lambda: bool(asked.now()) and len(commands.named("hello")) > readings, "asked again")


# --- the store away

PATIENCE = 0.4
# What a busy machine may take on top.
SLACK = 3.0


@pytest.fixture(scope="module")
def own_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with Mongod(tmp_path_factory.mktemp("own-mongo")) as mongo:
        yield mongo


@contextmanager
def killed(mongo: Mongod) -> Iterator[None]:
    mongo.kill()
    try:
        yield
    finally:
        mongo.start()


@contextmanager
def frozen(mongo: Mongod) -> Iterator[None]:
    os.kill(mongo.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(mongo.pid, signal.SIGCONT)


USES: dict[str, Callable[[Database], object]] = {
    "add": lambda database: MongoOrderRepository(database).add(pending()),
    "get": lambda database: MongoOrderRepository(database).get(str(ObjectId())),
    "get_many": lambda database: MongoOrderRepository(database).get_many([str(ObjectId())]),
    "save": lambda database: MongoOrderRepository(database).save(completed().saved()),
    "forget_key": lambda database: MongoOrderRepository(database).forget_key(str(ObjectId())),
    "unsettled": lambda database: MongoOrderRepository(database).unsettled(later(1), 10),
    "stuck": lambda database: MongoOrderRepository(database).stuck(10),
    "held_until": lambda database: MongoOrderRepository(database).held_until(later(1), 10),
    "hold_slots": lambda database: MongoOrderRepository(database).hold_slots("somebody"),
    "holder_of": lambda database: MongoOrderRepository(database).holder_of(key()),
    "with_history": lambda database: MongoOrderRepository(database).with_history(str(ObjectId())),
    "places_of": lambda database: MongoLoggedMoves(database).places_of(
        [("an item", StockMove(2, 1, later(1)))]
    ),
    "backlog": read_backlog,
    "unpublished": lambda database: MongoOutbox(database).unpublished(10),
    "mark_published": lambda database: MongoOutbox(database).mark_published(completed().new_events),
    "look": lambda database: MongoLeaseStore(database, "somebody", 10).look(["an item"]),
    "acquire, first": lambda database: MongoLeaseStore(database, "a", 10).acquire(
        Lease("i", 0, False, None), None
    ),
    "acquire": lambda database: MongoLeaseStore(database, "a", 10).acquire(
        Lease("i", 1, False, None), None
    ),
    "clear": lambda database: MongoLeaseStore(database, "somebody", 10).clear(
        Lease("i", 1, True, None)
    ),
    "tell": lambda database: MongoWorkers(database).tell(Beat("host:1:a", "0.3.0", 1.0, [], [])),
    "forget": lambda database: MongoWorkers(database).forget("host:1:a"),
    "seen": lambda database: MongoWorkers(database).seen(),
    "add a sample": lambda database: MongoSamples(database).add(
        Sample(slot_of(later(1)), Counted({"completed": 1}, {}))
    ),
    "samples": lambda database: MongoSamples(database).since(later(1)),
    "the clock": lambda database: StoreClock(database).now(),
    "migrate": schema.migrate,
    "readiness": lambda database: StoreDependency(database).check(),
}


@pytest.mark.parametrize("away", [killed, frozen])
def test_a_store_that_is_away_is_an_error_in_time_and_used_again_when_it_is_back(
    away: Callable[[Mongod], Any], own_mongo: Mongod
) -> None:
    with connected(own_mongo.uri, store_timeout=PATIENCE) as database:
        until(lambda: _works(lambda: schema.migrate(database)), "the store is there")
        stored = MongoOrderRepository(database).add(pending())
        with away(own_mongo):
            with ThreadPoolExecutor(len(USES)) as threads:
                found = threads.map(partial(_problem, database), USES.values())
                problems = dict(zip(USES, found, strict=True))
            MongoLeaseStore(database, "somebody", 10).release([Lease("i", 1, True, None)])
        assert problems == dict.fromkeys(USES)
        until(lambda: _works(StoreDependency(database).check), "the store is used again")
        assert MongoOrderRepository(database).get(stored.id) == stored


def test_the_store_clock_goes_on_while_the_store_is_away(own_mongo: Mongod) -> None:
    with connected(own_mongo.uri, store_timeout=PATIENCE) as database:
        asked = StoreClock(database)
        until(lambda: _works(asked.now), "the store is there")
        with frozen(own_mongo):
            assert abs(asked.now() - datetime.now(UTC)) < timedelta(seconds=5)


def _problem(database: Database, use: Callable[[Database], object]) -> str | None:
    """What is wrong with how the store's absence is told."""
    began = time.monotonic()
    try:
        use(database)
    except StoreUnavailable as unavailable:
        waited = time.monotonic() - began
        if waited > PATIENCE + SLACK:
            return f"said after {waited:.1f} s"
        return unavailable.message if re.search(r"\d", unavailable.message) else None
    return "nothing was raised"


def _works(use: Callable[[], object]) -> bool:
    try:
        use()
    except StoreUnavailable:
        return False
    return True


# --- no replica set


def test_a_standalone_mongodb_serves_orders_leases_and_events(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with (
        Mongod(tmp_path_factory.mktemp("standalone"), replica_set_size=0) as mongo,
        connected(mongo.uri) as database,
    ):
        schema.migrate(database)
        repository, outbox = MongoOrderRepository(database), MongoOutbox(database)
        leases = MongoLeaseStore(database, "a", 10)
        stored = repository.add(pending(idempotency=key()))
        with pytest.raises(IdempotencyKeyTaken):
            repository.add(pending(idempotency=key()))
        saved = repository.save(moved_at(stored, StoreClock(database).now()))
        assert repository.get(stored.id) == saved
        for events in outbox.unpublished(10):
            outbox.mark_published(events)
        assert outbox.unpublished(10) == []
        for fence in (1, 3):
            lease = leases.acquire(leases.look(["an item"])[0], None)
            assert lease == Lease("an item", fence, True, None)
            assert leases.clear(lease)
