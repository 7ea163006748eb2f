"""Nodes and workers die under load; every event is in the log, once."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

from tests.faults.order_events import published
from tests.kafka.conftest import Site
from tests.kafka.ledger import NOTES, Row
from tests.orders import as_stored, completed
from tests.system import System
from tests.unit.infrastructure.kafka.fakes import value
from tests.waiting import until

KILLS = 100
POISON: list[bytes | None] = [
    None,
    b"",
    b"rubbish",
    b'{"itemId": "cut off',
    b"\xff\xfe not UTF-8",
    b"[1, 2, 3]",
    b"{}",
    value(changeType="stolen"),
    value(newStock="98"),
    value(previousStock=None),
    value(updatedAt="yesterday"),
    value(big=2**70),
    value(note="x" * 70_000),
]


def assert_each_once(row: Row) -> None:
    assert (row.lost, row.twice) == (0, 0)
    assert row.logged == row.events


def test_10000_bad_events_among_10000_good_ones_cost_no_good_event(site: Site) -> None:
    bad = list(islice(cycle(POISON), 10_000))
    with site.workers() as system:
        ledger = site.ledger(system)
        site.load.produce_mixed(10_000, bad, site.rng)
        events = site.load.finish()
        letters = f"{site.topic}-dlt"
        until(lambda: site.size(letters) >= 10_000, "every dead letter", 90, 0.2)
        row = ledger.row("malformed events mixed in", 10_000, events, site.size(letters))
    assert_each_once(row)
    assert row.dead_letters == 10_000


def test_a_partitions_leader_killed_under_load_costs_no_event(site: Site) -> None:
    with site.workers() as system:
        ledger = site.ledger(system)
        site.load.start(50_000, rate=5_000)
        ledger.await_logged(15_000)
        leader = site.kafka.node(site.leader())
        leader.kill()
        ledger.await_logged(40_000)
        leader.start()
        row = ledger.row("partition leader killed", 1, site.load.finish())
    assert_each_once(row)


def test_kafka_nodes_restarted_one_after_the_other_cost_no_event_in_or_out(
    site: Site,
) -> None:
    with site.workers() as system, orders_completed(system) as order_ids:
        ledger = site.ledger(system)
        site.load.start(30_000, rate=1_500)
        for number, node in enumerate(site.kafka.nodes, 1):
            ledger.await_logged(number * 6_000)
            node.stop()
            node.start()
            until(site.in_sync, "all replicas in sync", 60, 0.2)
        row = ledger.row("each Kafka node restarted in turn", 3, site.load.finish())
    assert_each_once(row)
    told = published(site.kafka.bootstrap, site.order_topic)
    times = [len(told.get(each, [])) for each in order_ids]
    NOTES.append(
        f"order events during the restarts: {len(times)}, lost {times.count(0)}, "
        f"published once more {sum(times) - len(times)}"
    )
    assert 0 not in times


def test_the_stores_primary_killed_under_load_costs_no_event(site: Site) -> None:
    with site.workers() as system:
        ledger = site.ledger(system)
        site.load.start(20_000, rate=3_000)
        ledger.await_logged(6_000)
        primary = site.mongo.primary()
        primary.kill()
        row = ledger.row("MongoDB primary killed", 1, site.load.finish())
        primary.start()
    assert_each_once(row)


def test_one_of_two_workers_killed_costs_no_event(site: Site) -> None:
    with site.workers(2) as system:
        ledger = site.ledger(system)
        site.load.start(20_000, rate=2_000)
        ledger.await_logged(6_000)
        system.worker[1].kill()
        row = ledger.row("one of two workers killed", 1, site.load.finish())
    assert_each_once(row)


def test_a_worker_killed_a_hundred_times_at_random_costs_no_event(site: Site) -> None:
    """With a static membership a worker that comes back has its partitions at once, so that each
    of its lives is cut off at work. Small batches, for many places to be cut off in."""
    settings = {"CONSUMER_BATCH_SIZE": "50", "KAFKA_CONSUMER_GROUP_INSTANCE_ID": "worker-0"}
    system = site.workers(1, **settings)
    system.migrate()
    ledger = site.ledger(system)
    worker = system.worker[0]
    for _ in range(KILLS):
        logged = ledger.logged()
        site.load.produce(1_000)
        worker.start()
        ledger.await_logged(logged + 1)
        time.sleep(site.rng.uniform(0, 0.5))
        worker.kill()
    worker.start()
    row = ledger.row("worker killed at random", KILLS, site.load.finish())
    system.kill()
    assert_each_once(row)


@contextmanager
def orders_completed(system: System) -> Iterator[list[str]]:
    """About a hundred orders a second, whose events wait for the relay; leaves when none waits."""
    orders = system.database["orders"]
    ids: list[str] = []
    enough = threading.Event()

    def complete() -> None:
        while not enough.wait(0.1):
            ids.extend(
                str(each) for each in orders.insert_many(_order() for _ in range(10)).inserted_ids
            )

    thread = threading.Thread(target=complete)
    thread.start()
    try:
        yield ids
    finally:
        enough.set()
        thread.join()
    waiting = {"outbox.0": {"$exists": True}}
    until(lambda: not orders.count_documents(waiting), "every order event published", 90, 0.2)


def _order() -> Mapping[str, Any]:
    return as_stored(completed(at=datetime.now(UTC)))
