"""The works, the services measured at each work, and one measurement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.load import Load, Loaded, send
from bench.parts import Parts
from bench.preparation import Prepared
from bench.services import Recipe, Service
from bench.usage import Others, cpu_seconds


@dataclass(frozen=True, slots=True)
class Work:
    """``kind``: the load's kind in load.lua; ``units``: that each request asks for."""

    name: str
    title: str
    kind: str
    connections: int
    services: Sequence[str]
    units: int = 1

    @property
    def creates(self) -> bool:
        return self.kind in ("create", "basket")


_ALL = ("ours", "express", "fastapi")
WORKS = {
    work.name: work
    for work in (
        Work("read", "GET an order read before", "one", 16, (*_ALL, "bare")),
        Work("first", "GET an order, first read", "orders", 16, _ALL),
        Work("create", "create, 1,000 items", "create", 32, _ALL),
        Work("basket", "create, 3 lines of 1,000 items", "basket", 32, ("ours",), units=3),
        Work("hot", "create, one hot item", "create", 64, _ALL),
        Work("conditional", "create, conditional contract", "create", 32, ("conditional",)),
    )
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One service at one work in one round.

    ``rate``: good answers a second; ``cpu``: ms a request, of all the service's processes;
    ``parts_cpu``: ms a request, of each part under the service, by name; ``resident``: bytes of
    each process by its role, the largest first; ``oversold``: units sold less the fall of the
    stock, below 0 where stock fell for no order; ``others``: the share of all cores that programs
    outside the benchmark used.
    """

    work: str
    service: str
    round: int
    loaded: Loaded
    rate: float
    cpu: float
    parts_cpu: Mapping[str, float]
    resident: Mapping[str, list[int]]
    rested: bool
    oversold: int | None
    others: float

    @property
    def errors(self) -> int:
        """Requests that failed, of every kind."""
        return sum(self.loaded.errors.values())


class _Books(NamedTuple):
    """``cpu`` and ``parts_cpu``: seconds; ``stored``: orders; ``stock``: units of all items."""

    cpu: float
    parts_cpu: Mapping[str, float]
    stored: int
    stock: int


class Measuring:
    """``warm_up`` and ``seconds``: how long each load lasts."""

    def __init__(self, parts: Parts, prepared: Prepared, warm_up: int, seconds: int) -> None:
        self._parts = parts
        self._prepared = prepared
        self._warm_up = warm_up
        self._seconds = seconds

    def measure(self, work: Work, recipe: Recipe, number: int) -> Measured:
        """No other service runs during the measurement."""
        self._parts.restock()
        with Service(recipe, self._parts) as service:
            warmed = send(self._load(work, service), self._warm_up)
            rested = service.rest()
            before, others = self._books(service), Others()
            loaded = send(self._load(work, service, warmed.requests), self._seconds)
            memory, used_by_others = service.resident(), others.share()
            rested = service.rest() and rested
            after = self._books(service)
        # With orders whose answer came after the end of the load.
        sold = max(loaded.good, after.stored - before.stored)
        served = sold if work.creates else loaded.good
        return Measured(
            work=work.name,
            service=recipe.name,
            round=number,
            loaded=loaded,
            rate=loaded.good / loaded.seconds,
            cpu=1000 * (after.cpu - before.cpu) / max(served, 1),
            parts_cpu={
                name: 1000 * (seconds - before.parts_cpu[name]) / max(served, 1)
                for name, seconds in after.parts_cpu.items()
            },
            resident=memory,
            rested=rested,
            oversold=sold * work.units - (before.stock - after.stock) if work.creates else None,
            others=used_by_others,
        )

    def _books(self, service: Service) -> _Books:
        parts_cpu = {name: cpu_seconds([pid]) for name, pid in self._parts.pids().items()}
        return _Books(cpu_seconds(service.pids), parts_cpu, service.stored(), self._parts.stock())

    def _load(self, work: Work, service: Service, sent: int = 0) -> Load:
        """``sent``: requests of the warm-up, whose orders were read already."""
        name, token = service.recipe.name, service.recipe.token
        if work.kind == "one":
            url = service.url + self._prepared.path(name)
            return Load("one", url, work.connections, token=token)
        ids = self._prepared.ids(work.name, name)
        # ``sent`` lacks the requests under way at the end of the warm-up.
        first = sent + work.connections if work.kind == "orders" and sent else 0
        return Load(work.kind, service.url, work.connections, ids, first, token)
