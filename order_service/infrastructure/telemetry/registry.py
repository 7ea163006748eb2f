"""Where the numbers are kept: in this process, or in memory that the API's processes share."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, values
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from order_service.infrastructure.telemetry.shared import (
    Labels,
    Place,
    SharedNumber,
    added_up,
)

# Name, labels and number.
Number = tuple[str, Labels, float]
_Counted = list[Number]


def count_in(place: Place) -> None:
    """Metrics that this process makes from now on have their numbers there."""
    values.ValueClass = partial(SharedNumber, place)


def gathered(own: CollectorRegistry, places: Sequence[Place]) -> CollectorRegistry:
    """What a scrape is answered from: every process's numbers, or this one's own."""
    if not isinstance(values.ValueClass, partial):
        return own
    everybodys = CollectorRegistry()
    everybodys.register(EverybodysNumbers(own, places))
    return everybodys


def counted_here(own: CollectorRegistry, names: Collection[str]) -> Iterator[Number]:
    """The numbers of these names in this process's place, with those of a process that had the
    place before. ``names``: of no more than one histogram, whose buckets are told as Prometheus has
    them."""
    if isinstance(values.ValueClass, partial):
        numbers = added_up(values.ValueClass.args)
        found = [(name, labels, each) for _, name, labels, each in numbers if name in names]
        yield from _cumulated(found)
        return
    for metric in own.restricted_registry(names).collect():
        yield from ((each.name, each.labels, each.value) for each in metric.samples)


class EverybodysNumbers(Collector):
    """``own``: what the metrics are called and mean, which is the same in each process."""

    def __init__(self, own: CollectorRegistry, places: Sequence[Place]) -> None:
        self._own = own
        self._places = places

    def describe(self) -> list[Metric]:
        """Nothing, or registering would add everything up."""
        return []

    def collect(self) -> Iterator[Metric]:
        counted: dict[str, _Counted] = defaultdict(list)
        for metric, name, labels, number in added_up(self._places):
            counted[metric].append((name, labels, number))
        for own in self._own.collect():
            told = Metric(own.name, own.documentation, own.type)
            found = counted[own.name]
            for name, labels, number in _cumulated(found) if own.type == "histogram" else found:
                told.add_sample(name, dict(labels), number)
            yield told


def _cumulated(found: _Counted) -> Iterator[Number]:
    """A histogram's processes count each observation in one bucket; those who read it expect it in
    every bucket above as well."""
    series: dict[tuple[str, ...], _Counted] = defaultdict(list)
    for name, labels, number in found:
        if "le" in labels:
            others = tuple(value for label, value in labels.items() if label != "le")
            series[others].append((name, labels, number))
        else:
            yield name, labels, number
    for buckets in series.values():
        total = 0.0
        for name, labels, number in sorted(buckets, key=lambda bucket: float(bucket[1]["le"])):
            total += number
            yield name, labels, total
        others_of_last = {label: value for label, value in labels.items() if label != "le"}
        yield name.removesuffix("_bucket") + "_count", others_of_last, total
