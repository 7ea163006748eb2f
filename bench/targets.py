"""Our targets beside the peers, and whether a run meets them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.works import Measured

Figure = Callable[[Measured], float]
EVERY = "every"


def cpu(measured: Measured) -> float:
    return measured.cpu


def rate(measured: Measured) -> float:
    return measured.rate


def p50(measured: Measured) -> float:
    return measured.loaded.p50


def p99(measured: Measured) -> float:
    return measured.loaded.p99


def oversold(measured: Measured) -> float:
    return measured.oversold or 0


def largest_process(measured: Measured) -> float:
    """MB."""
    return max(each for sizes in measured.resident.values() for each in sizes) / 1e6


@dataclass(frozen=True, slots=True)
class Of:
    """A service's figure at a work, or its largest figure at all works."""

    service: str
    work: str
    figure: Figure

    def by_round(self, results: Sequence[Measured]) -> dict[int, float]:
        figures: dict[int, float] = {}
        for each in results:
            if each.service == self.service and self.work in (each.work, EVERY):
                known = figures.get(each.round, 0)
                figures[each.round] = max(known, self.figure(each))
        return figures


@dataclass(frozen=True, slots=True)
class Target:
    """``bounds``: the least and the most; ``beside``: the divisor, of the same round."""

    title: str
    ours: Of
    beside: Of | None = None
    most: float | None = None
    least: float | None = None
    # Every round has to meet the target, not only the median.
    always: bool = False

    def judged(self, results: Sequence[Measured]) -> "Judged | None":
        """None when the figure was not measured."""
        values = list(self._values(results).values())
        if not values:
            return None
        middle, low, high = statistics.median(values), min(values), max(values)
        return Judged(self.title, middle, low, high, self.bound, self._is_met(middle, low, high))

    @property
    def bound(self) -> str:
        if self.most is not None:
            return f"<= {self.most:g}"
        return "" if self.least is None else f">= {self.least:g}"

    def _values(self, results: Sequence[Measured]) -> dict[int, float]:
        ours = self.ours.by_round(results)
        if self.beside is None:
            return ours
        theirs = self.beside.by_round(results)
        return {number: ours[number] / theirs[number] for number in ours if theirs.get(number)}

    def _is_met(self, middle: float, low: float, high: float) -> bool | None:
        if self.most is not None:
            return (high if self.always else middle) <= self.most
        return None if self.least is None else (low if self.always else middle) >= self.least


@dataclass(frozen=True, slots=True)
class Judged:
    """``met``: None where the target has no bound."""

    title: str
    median: float
    low: float
    high: float
    bound: str
    met: bool | None


def _beside_express(
    title: str, work: str, figure: Figure, most: float | None = None, least: float | None = None
) -> Target:
    ours, express = (Of(service, work, figure) for service in ("ours", "express"))
    return Target(title, ours, express, most, least)


TARGETS = (
    _beside_express("GET read before: CPU / Express", "read", cpu, most=0.4),
    Target(
        "GET read before: CPU / bare Flask",
        Of("ours", "read", cpu),
        Of("bare", "read", cpu),
        most=1.2,
    ),
    _beside_express("GET first read: CPU / Express", "first", cpu, most=1),
    _beside_express("create: CPU / Express", "create", cpu, most=0.6),
    _beside_express("create: requests/s / Express", "create", rate, least=2),
    Target("create: p99 / p50", Of("ours", "create", p99), Of("ours", "create", p50), most=2),
    Target(
        "3 lines: CPU / an order of one line (three orders are 3)",
        Of("ours", "basket", cpu),
        Of("ours", "create", cpu),
        most=3,
    ),
    _beside_express("hot item: CPU / Express", "hot", cpu, most=0.3),
    _beside_express("hot item: requests/s / Express", "hot", rate, least=3),
    Target("hot item: oversold", Of("ours", "hot", oversold), most=0, always=True),
    Target("hot item: oversold by Express", Of("express", "hot", oversold)),
    Target("hot item: oversold by FastAPI", Of("fastapi", "hot", oversold)),
    Target(
        "conditional: CPU / Express (absolute)",
        Of("conditional", "conditional", cpu),
        Of("express", "create", cpu),
        most=0.5,
    ),
    Target("MB of the largest process", Of("ours", EVERY, largest_process), most=80, always=True),
)
_LIST_SPREAD = 1.2


def judged(results: Sequence[Measured], pages: tuple[float, float, float] | None) -> list[Judged]:
    """``pages``: the list's slowest over its fastest size, of all lists, and its spread."""
    rows = [row for row in (target.judged(results) for target in TARGETS) if row]
    if pages:
        title, met = "list page of 20: slowest / fastest", pages[0] <= _LIST_SPREAD
        rows.append(Judged(title, *pages, f"<= {_LIST_SPREAD}", met))
    return rows
