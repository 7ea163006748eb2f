"""The broker is killed and restarted: under load, and while ten thousand events wait."""

import random
from datetime import UTC, datetime
from time import sleep

from tests.faults import table
from tests.faults.buyers import Buyers
from tests.faults.conftest import Checked, absolute_only, both_when_full, full_only
from tests.faults.order_events import published
from tests.faults.rig import Rig
from tests.faults.table import Row
from tests.orders import as_stored, basket, completed
from tests.waiting import until

EVENTS = 10_000


@both_when_full
def test_a_broker_killed_and_restarted_under_load_costs_no_order_and_no_event(
    rig: Rig, buyers: Buyers, checked: Checked, rng: random.Random, full: bool
) -> None:
    items = {rig.system.add_item(5000): 5000 for _ in range(6)}
    kills = 3 if full else 1
    with buyers.crowd(list(items)):
        for _ in range(kills):
            sleep(rng.uniform(0.5, 1.5))
            rig.kafka.kill()
            # While it is away the existing inventory answers 500 for each change that it saved.
            sleep(rng.uniform(1, 3))
            rig.kafka.start()
        sleep(1)
    checked("broker killed and restarted under load", kills, items)


@full_only
@absolute_only
def test_waiting_events_are_all_published_whatever_happens_to_the_broker(
    rig: Rig,
) -> None:
    restarts = 4
    orders = rig.system.database["orders"]
    rig.kafka.kill()
    now = datetime.now(UTC)
    placed = (completed(basket(at=now)) for _ in range(EVENTS))
    ids = orders.insert_many(map(as_stored, placed)).inserted_ids
    for number in range(restarts):
        rig.kafka.start()
        waiting = orders.count_documents({"outbox.0": {"$exists": True}})
        goal = waiting * (restarts - number) / (restarts + 1)
        until(
            lambda goal=goal: orders.count_documents({"outbox.0": {"$exists": True}}) <= goal,
            "some events were published",
            90,
        )
        # Once in the middle of a batch, once in order.
        rig.kafka.kill() if number % 2 == 0 else rig.kafka.stop()
    rig.kafka.start()
    until(lambda: not orders.count_documents({"outbox.0": {"$exists": True}}), "all", 120, 0.1)
    told = published(rig.kafka.bootstrap, rig.topic)
    times = [len(told.get(str(each), [])) for each in ids]
    doubled = sum(max(0, number - 1) for number in times)
    name = f"{EVENTS} events under broker restarts (absolute)"
    table.ROWS.append(Row(name, restarts + 1, 0, lost=times.count(0), events_doubled=doubled))
    assert times.count(0) == 0
