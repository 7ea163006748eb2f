"""Numbers that processes share in memory."""

import os
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.parser import text_string_to_metric_families

from order_service.infrastructure.telemetry.registry import EverybodysNumbers, count_in
from order_service.infrastructure.telemetry.shared import Place, added_up, new_places

WORDS = 4096


@pytest.fixture(autouse=True)
def _numbers_elsewhere_stay_as_they_are() -> Iterator[None]:
    kept = values.ValueClass
    yield
    values.ValueClass = kept


def place(words: int = WORDS) -> Place:
    return Place(memoryview(bytearray(8 * words)))


class Process:
    """One that counts in a place."""

    def __init__(self, place: Place) -> None:
        count_in(place)
        self.registry = CollectorRegistry()
        self.reads = Counter("reads", "Reads.", ["source"], registry=self.registry)
        self.open = Gauge("open", "Open.", registry=self.registry, multiprocess_mode="livesum")
        self.seconds = Histogram(
            "seconds", "Seconds.", ["route"], buckets=(1, 5), registry=self.registry
        )


def told(own: CollectorRegistry, places: list[Place]) -> dict[tuple[str, tuple[str, ...]], float]:
    everybodys = CollectorRegistry()
    everybodys.register(EverybodysNumbers(own, places))
    families = text_string_to_metric_families(generate_latest(everybodys).decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_metrics_of_all_processes_are_added_up() -> None:
    places = [place(), place()]
    one, other = Process(places[0]), Process(places[1])
    one.reads.labels("ü").inc(2)
    other.reads.labels("ü").inc()
    other.reads.labels("store").inc()
    one.open.set(1)
    other.open.set(1)
    one.seconds.labels("/a").observe(0.5)
    one.seconds.labels("/a").observe(70)
    other.seconds.labels("/a").observe(3)
    other.seconds.labels("/b").observe(1)
    assert told(one.registry, places) == {
        ("reads_total", ("ü",)): 3,
        ("reads_total", ("store",)): 1,
        ("open", ()): 2,
        ("seconds_bucket", ("1.0", "/a")): 1,
        ("seconds_bucket", ("5.0", "/a")): 2,
        ("seconds_bucket", ("+Inf", "/a")): 3,
        ("seconds_count", ("/a",)): 3,
        ("seconds_sum", ("/a",)): 73.5,
        ("seconds_bucket", ("1.0", "/b")): 1,
        ("seconds_bucket", ("5.0", "/b")): 1,
        ("seconds_bucket", ("+Inf", "/b")): 1,
        ("seconds_count", ("/b",)): 1,
        ("seconds_sum", ("/b",)): 1,
    }
    assert told(other.registry, places) == told(one.registry, places)


def test_the_next_process_in_a_place_continues_its_counters_and_has_gauges_of_its_own() -> None:
    places = [place()]
    first = Process(places[0])
    first.reads.labels("store").inc(7)
    first.open.set(1)
    places[0].forget_gauges()
    second = Process(places[0])
    assert told(second.registry, places)["open", ()] == 0
    second.reads.labels("store").inc()
    second.reads.labels("local").inc()
    found = told(second.registry, places)
    assert found["reads_total", ("store",)] == 8
    assert found["reads_total", ("local",)] == 1


def test_a_full_place_of_metrics_leaves_newer_series_out_and_nothing_fails() -> None:
    places = [place(64)]
    process = Process(places[0])
    for number in range(200):
        process.reads.labels(f"source {number}").inc()
        process.seconds.labels(f"/{number}").observe(1)
    found = told(process.registry, places)
    assert found["reads_total", ("source 0",)] == 1
    assert ("reads_total", ("source 199",)) not in found
    process.reads.labels("source 0").inc()
    assert told(process.registry, places)["reads_total", ("source 0",)] == 2


def test_a_gauge_that_can_not_be_added_up_is_refused() -> None:
    count_in(place())
    with pytest.raises(ValueError, match="livesum"):
        Gauge("mine", "Mine.", registry=CollectorRegistry())


def test_a_forked_process_counts_in_the_place_that_its_parent_reads() -> None:
    mine = new_places()[-1]
    child = os.fork()
    if child == 0:
        Process(mine).reads.labels("child").inc(5)
        os._exit(0)
    os.waitpid(child, 0)
    found = {(name, *labels.values()): number for _, name, labels, number in added_up([mine])}
    assert found["reads_total", "child"] == 5
