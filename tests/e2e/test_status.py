"""The status of the whole service over the whole stack: its workers, and its last hour."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.inventory import SampleInventory
from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from tests.system import Parts, System
from tests.waiting import until

PARTITIONS = {(topic, n) for topic in ("stock-updates", "stock_updates") for n in range(4)}
PARTS = {"consumer", "kafka", "store", "relay", "settlement", "expiry"}
# A worker is dead 15 s after it was last seen, and a sample is told every 15 s.
SOON = 40


@pytest.fixture
def fleet(
    mongo: Mongod,
    kafka: KafkaBroker,
    inventory: SampleInventory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """An API of two processes, and two workers."""
    parts = Parts(mongo, kafka, inventory)
    with System(parts, tmp_path_factory.mktemp("fleet"), workers=2) as fleet:
        yield fleet


def status(fleet: System) -> Any:
    answer = fleet.request("GET", "/api/status")
    assert answer.status_code == 200
    return answer.json()


def alive(fleet: System) -> dict[str, bool]:
    return {each["id"]: each["alive"] for each in status(fleet)["workers"]}


def of_process(fleet: System, number: int) -> str:
    """The id of the worker that runs in that process."""
    pid = str(fleet.worker[number].pid)
    [found] = [each for each in alive(fleet) if each.split(":")[1] == pid]
    return found


def assigned(fleet: System) -> set[tuple[str, int]]:
    return {
        (each["topic"], each["partition"])
        for worker in status(fleet)["workers"]
        for each in worker["partitions"]
    }


def test_a_worker_is_alive_with_its_partitions_gone_after_a_stop_and_dead_after_a_kill(
    fleet: System,
) -> None:
    until(lambda: list(alive(fleet).values()) == [True, True], "two workers", SOON)
    until(lambda: assigned(fleet) == PARTITIONS, "the lag of each partition", SOON)
    found = status(fleet)
    assert set(found["dependencies"]) == {"store", "inventory"}
    assert found["backlog"]["ordersPending"] == 0
    for worker in found["workers"]:
        assert set(worker["dependencies"]) == PARTS
        assert worker["startedAt"] < worker["seenAt"]
    stopped, killed = of_process(fleet, 0), of_process(fleet, 1)
    fleet.worker[0].stop()
    assert alive(fleet) == {killed: True}
    fleet.worker[1].kill()
    until(lambda: alive(fleet) == {killed: False}, "a dead worker", SOON)
    fleet.worker[0].start()
    until(lambda: list(alive(fleet).values()) == [True, False], "a new worker", SOON)
    assert stopped not in alive(fleet)


def counted(slots: list[dict[str, Any]]) -> Counter[str]:
    """Outcomes of all slots, and ``creates``."""
    found: Counter[str] = Counter()
    for slot in slots:
        found.update({**slot["orders"], "creates": slot["creates"]["count"]})
    return found


def last_hour(fleet: System) -> list[dict[str, Any]]:
    answer = fleet.request("GET", "/api/status/last-hour").json()
    assert answer["slotSeconds"] == 15
    assert answer["from"] <= answer["slots"][0]["at"] if answer["slots"] else True
    return list(answer["slots"])


def test_creates_are_in_the_last_hour_with_outcomes_and_percentiles_and_the_last_at_a_stop(
    fleet: System,
) -> None:
    item = fleet.add_item(stock=20)
    answers = [fleet.create(item).status_code for _ in range(8)]
    answers += [fleet.create(item, 1000).status_code, fleet.create("none").status_code]
    assert Counter(answers) == {201: 8, 400: 2}
    wanted = {"completed": 8, "insufficient_stock": 1, "creates": 10}
    until(lambda: counted(last_hour(fleet)) == wanted, "all that was ordered", SOON)
    for slot in last_hour(fleet):
        creates = slot["creates"]
        assert (creates["p50"] is None) == (creates["count"] == 0)
        assert creates["count"] == 0 or 0 < creates["p50"] <= creates["p99"] < 10
    order = fleet.create(item).json()["order"]["_id"]
    fleet.api[0].stop()
    told = fleet.database["samples"].find()
    assert sum(each.get("orders", {}).get("completed", 0) for each in told) == 9, order
