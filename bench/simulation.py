"""One hot item, simulated: clients, turns of a host, the item's lease, and the processors.

The clients are a closed loop: each has one order under way. Times are in seconds. The rules are
those of application/stock/group_commit.py, application/stock/leased.py and
infrastructure/sharing/turns.py; the costs of the steps are given.
"""

import random
import statistics
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import simpy

MAX_BATCH = 100
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.005, 1.5, 0.1
_NARROWED = 12

Process = Generator[simpy.Event, Any, Any]


class Cpu(NamedTuple):
    """CPU seconds of the API's process, which has one interpreter lock; and of the store, the
    inventory and the clients."""

    api: float
    others: float

    def times(self, factor: float) -> "Cpu":
        return Cpu(self.api * factor, self.others * factor)


@dataclass(frozen=True, slots=True)
class Step:
    """``trips``: round trips, one after the other; ``wait``: seconds of the trips that need no core
    (journals, networks)."""

    trips: int
    wait: float
    cpu: Cpu


@dataclass(frozen=True, slots=True)
class Costs:
    """``order``: an order's own cost from request to answer; ``lease`` and ``change``: a commit's
    cost until it has the lease, and while it holds the lease, whatever the number of its orders;
    ``each``: the cost that each order adds to its commit; ``behind``: CPU of an order after its
    answer."""

    order: Step
    lease: Step
    change: Step
    each: Cpu
    behind: float


@dataclass(frozen=True, slots=True)
class Setting:
    """``hosts``: gunicorns, of ``processes`` each; ``cores``: of all machines together;
    ``distance``: seconds that the network adds to each round trip."""

    costs: Costs
    clients: int
    hosts: int = 1
    processes: int = 2
    cores: int = 2
    distance: float = 0.0
    seconds: float = 10.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """``rate``: orders a second; ``p50``: seconds; ``batch``: orders a commit; ``lost``: lost races
    for the lease a commit."""

    rate: float
    p50: float
    batch: float
    lost: float


@dataclass(slots=True)
class _Served:
    """A process: its waiting orders, its interpreter's lock, and its host's turns."""

    turns: simpy.Resource
    lock: simpy.Resource
    waiting: deque[simpy.Event] = field(default_factory=deque)
    is_served: bool = False


@dataclass(slots=True)
class _Lease:
    fence: int = 0
    is_held: bool = False

    def take(self, fence: int) -> bool:
        if self.is_held or self.fence != fence:
            return False
        self.fence += 1
        self.is_held = True
        return True


class _HotItem:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._env = simpy.Environment()
        self._cores = simpy.Resource(self._env, setting.cores)
        self._lease = _Lease()
        self._random = random.Random(setting.seed)
        self._took: list[float] = []
        self._batches: list[int] = []
        self._lost = 0

    def run(self) -> Answer:
        """The first fifth of the time does not count."""
        processes = self._processes()
        for number in range(self._setting.clients):
            self._env.process(self._client(processes[number % len(processes)]))
        self._env.run(self._setting.seconds / 5)
        self._took, self._batches, self._lost = [], [], 0
        self._env.run(self._setting.seconds)
        rate = len(self._took) / (self._setting.seconds * 4 / 5)
        lost = self._lost / len(self._batches)
        return Answer(rate, statistics.median(self._took), statistics.fmean(self._batches), lost)

    def _processes(self) -> list[_Served]:
        hosts = [simpy.Resource(self._env) for _ in range(self._setting.hosts)]
        numbers = range(self._setting.processes)
        return [_Served(turns, simpy.Resource(self._env)) for _ in numbers for turns in hosts]

    def _client(self, process: _Served) -> Process:
        while True:
            began = self._env.now
            yield from self._make(process, self._setting.costs.order)
            yield self._submit(process)
            self._took.append(self._env.now - began)
            self._env.process(self._work(self._setting.costs.behind))

    def _submit(self, process: _Served) -> simpy.Event:
        moved = self._env.event()
        process.waiting.append(moved)
        if not process.is_served:
            process.is_served = True
            self._env.process(self._serve(process))
        return moved

    def _serve(self, process: _Served) -> Process:
        while process.waiting:
            with process.turns.request() as turn:
                yield turn
                yield from self._commit(process)
        process.is_served = False

    def _commit(self, process: _Served) -> Process:
        fence = yield from self._free()
        drawn = [process.waiting.popleft() for _ in range(min(MAX_BATCH, len(process.waiting)))]
        yield from self._make(process, self._setting.costs.lease)
        while not self._lease.take(fence):
            self._lost += 1
            fence = yield from self._free()
            yield from self._make(process, self._setting.costs.lease)
        yield from self._make(process, self._setting.costs.change)
        yield from self._compute(process, self._setting.costs.each.times(len(drawn)))
        self._lease.is_held = False
        self._batches.append(len(drawn))
        for moved in drawn:
            moved.succeed()

    def _free(self) -> Generator[simpy.Event, Any, int]:
        pause = _FIRST_PAUSE
        while self._lease.is_held:
            yield self._env.timeout(pause * self._random.uniform(0.5, 1))
            pause = min(_LONGEST_PAUSE, pause * _GROWTH)
        return self._lease.fence

    def _make(self, process: _Served, step: Step) -> Process:
        for _ in range(step.trips):
            yield self._env.timeout(step.wait / step.trips + self._setting.distance)
            yield from self._compute(process, step.cpu.times(1 / step.trips))

    def _compute(self, process: _Served, cpu: Cpu) -> Process:
        yield from self._work(cpu.others)
        with process.lock.request() as lock:
            yield lock
            yield from self._work(cpu.api)

    def _work(self, seconds: float) -> Process:
        with self._cores.request() as core:
            yield core
            yield self._env.timeout(seconds)


def simulated(setting: Setting) -> Answer:
    return _HotItem(setting).run()


@dataclass(frozen=True, slots=True)
class Seen:
    """A real run. CPU seconds an order: ``cpu`` before its answer, ``behind`` after it."""

    clients: int
    rate: float
    p50: float
    batch: float
    cpu: Cpu
    behind: float


@dataclass(frozen=True, slots=True)
class Shares:
    """``trips``, ``wait``: round trips and shares of the waiting of an order by itself, of a commit
    until it has the lease, and of a commit from then on; ``cpu_before``: the share of a commit's
    CPU until it has the lease."""

    trips: tuple[int, int, int]
    wait: tuple[float, float, float]
    cpu_before: float


def calibrated(alone: Seen, some: Seen, more: Seen, shares: Shares, seconds: float = 10.0) -> Costs:
    """Costs from three runs. ``some`` and ``more``, in which orders share commits, tell a commit's
    CPU from an order's; ``alone``, of one client, tells an order's other waiting. The part of an
    order's CPU inside its commit is chosen so that the simulation, run for ``seconds``, is as fast
    as ``some``."""
    order, commit = _parted(some, more)
    waited = max(0.0, alone.p50 - sum(order) - sum(commit))
    waits = [waited * share for share in shares.wait]

    def costs(within: float) -> Costs:
        return Costs(
            order=Step(shares.trips[0], waits[0], order.times(1 - within)),
            lease=Step(shares.trips[1], waits[1], commit.times(shares.cpu_before)),
            change=Step(shares.trips[2], waits[2], commit.times(1 - shares.cpu_before)),
            each=order.times(within),
            behind=more.behind,
        )

    tried = partial(Setting, clients=some.clients, seconds=seconds)
    low, high = 0.0, 1.0
    for _ in range(_NARROWED):
        within = (low + high) / 2
        is_fast = simulated(tried(costs(within))).rate > some.rate
        low, high = (within, high) if is_fast else (low, within)
    return costs(low)


def _parted(some: Seen, more: Seen) -> tuple[Cpu, Cpu]:
    """CPU of an order and of a commit: the more orders share a commit, the less CPU an order."""
    pairs = zip(some.cpu, more.cpu, strict=True)
    shared = 1 / some.batch - 1 / more.batch
    commit = Cpu(*(max(0.0, (before - then) / shared) for before, then in pairs))
    order = Cpu(*(cpu - each / more.batch for cpu, each in zip(more.cpu, commit, strict=True)))
    return order, commit
