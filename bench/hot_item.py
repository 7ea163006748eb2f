"""One hot item and 64 clients, on one host and on two: the simulation's forecast from runs with
fewer clients, and the measured figures.

make bench-hot
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from bench.load import Load, Loaded, send
from bench.parts import Parts
from bench.say import say
from bench.services import Service, recipes
from bench.simulation import Answer, Costs, Cpu, Seen, Setting, Shares, calibrated, simulated
from bench.usage import Others, cpu_seconds

# Clients and hosts.
ALONE, SOME, MORE = (1, 1), (8, 1), (32, 1)
_RUNS: Final = (ALONE, SOME, MORE, (64, 1), (64, 2))
_ROUNDS, _WARM_UP, _SECONDS, _IDLE_SECONDS = 5, 3, 6, 5
# The request and storing the order; looking at the lease, loading, reading the stock and taking the
# lease; overwriting, storing and releasing. bench/calls.py measures the shares.
_SHARES: Final = Shares(trips=(2, 4, 3), wait=(0.06, 0.21, 0.73), cpu_before=0.45)
_DISTURBED = 0.02
_MANY_CORES, _FAR = 1000, 0.001


class _Books(NamedTuple):
    """Seconds on the clock; CPU seconds of the API, of the others that an order waits for, and of
    the processes that work after its answer; orders; commits."""

    clock: float
    api: float
    others: float
    behind: float
    orders: float
    commits: float

    def since(self, before: "_Books") -> "_Books":
        return _Books(*(now - then for now, then in zip(self, before, strict=True)))

    def an_order(self, cpu: str, idle: "_Books") -> float:
        """CPU seconds an order, without the CPU used when idle."""
        used: float = getattr(self, cpu) - self.clock * getattr(idle, cpu) / idle.clock
        return used / self.orders


class Hot:
    """``services``: one service for each host, all on one store."""

    def __init__(self, parts: Parts, services: Sequence[Service]) -> None:
        self._parts = parts
        self._services = services
        self._ids = parts.folder / "hot"
        self._ids.write_text(f"{parts.hot}\n", encoding="ascii")
        self._rest()
        before = self._books()
        time.sleep(_IDLE_SECONDS)
        self._idle = self._books().since(before)

    def run(self, clients: int, hosts: int) -> Seen:
        self._send(clients, hosts, _WARM_UP)
        self._rest()
        before, others = self._books(), Others()
        loaded = self._send(clients, hosts, _SECONDS)
        busy = others.share()
        self._rest()
        books = self._books().since(before)
        failed = sum(sum(each.errors.values()) for each in loaded)
        if busy > _DISTURBED or failed:
            say(f"Disturbed: others used {busy:.0%} of the cores, {failed} requests failed.")
        return Seen(
            clients=clients,
            rate=sum(each.good / each.seconds for each in loaded),
            p50=statistics.fmean(each.p50 for each in loaded) / 1000,
            batch=books.orders / books.commits,
            cpu=Cpu(*(books.an_order(each, self._idle) for each in Cpu._fields)),
            behind=books.an_order("behind", self._idle),
        )

    def _send(self, clients: int, hosts: int, seconds: int) -> list[Loaded]:
        """Load from ``clients``, shared out among the hosts."""
        loads = [
            Load("create", service.url, clients // hosts, self._ids, token=service.recipe.token)
            for service in self._services[:hosts]
        ]
        with ThreadPoolExecutor(hosts) as pool:
            return list(pool.map(lambda load: send(load, seconds), loads))

    def _rest(self) -> None:
        for service in self._services:
            service.rest()

    def _books(self) -> _Books:
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        apis, workers = zip(*(service.pids for service in self._services), strict=True)
        parts = self._parts
        used = cpu_seconds([parts.mongo.pid, parts.inventory.pid])
        return _Books(
            clock=time.monotonic(),
            api=cpu_seconds(apis),
            others=used + clients.ru_utime + clients.ru_stime,
            behind=cpu_seconds([*workers, parts.kafka.pid]),
            orders=self._services[0].stored(),
            commits=self._fence(),
        )

    def _fence(self) -> int:
        """The lease's fence, which grows by one with each commit."""
        lease = self._services[0].orders.database["leases"].find_one(self._parts.hot)
        return int(lease["fence"]) if lease else 0


def measured() -> dict[tuple[int, int], Seen]:
    """Medians by clients and hosts, of rounds in which the settings took turns."""
    with tempfile.TemporaryDirectory() as folder, Parts(Path(folder)) as parts:
        ours = recipes({}, parts.folder / "keys")["ours"]
        Service(ours, parts).migrate()
        with Service(ours, parts) as first, Service(ours, parts) as second:
            hot = Hot(parts, [first, second])
            rounds = []
            for number in range(_ROUNDS):
                say(f"Round {number + 1} of {_ROUNDS}")
                rounds.append([hot.run(*each) for each in _RUNS])
    return dict(zip(_RUNS, map(_median, zip(*rounds, strict=True)), strict=True))


def _median(runs: Sequence[Seen]) -> Seen:
    def median(figure: Callable[[Seen], float]) -> float:
        return statistics.median(map(figure, runs))

    return Seen(
        clients=runs[0].clients,
        rate=median(lambda run: run.rate),
        p50=median(lambda run: run.p50),
        batch=median(lambda run: run.batch),
        cpu=Cpu(median(lambda run: run.cpu.api), median(lambda run: run.cpu.others)),
        behind=median(lambda run: run.behind),
    )


def _title(clients: int, hosts: int) -> str:
    return f"{clients} client{'s' * (clients > 1)}, {hosts} host{'s' * (hosts > 1)}"


def _show(name: str, found: Seen | Answer) -> None:
    say(f"{name:36}{found.rate:10,.0f}{1000 * found.p50:10.1f}{found.batch:10.1f}")


def _show_costs(costs: Costs) -> None:
    order, lease, change = costs.order, costs.lease, costs.change
    rows = {
        "an order by itself": (order.wait, *order.cpu),
        "a commit": (lease.wait + change.wait, *map(sum, zip(lease.cpu, change.cpu, strict=True))),
        "each order in it": (0.0, *costs.each),
    }
    say(f"\n{'ms':36}{'waiting':>10}{'CPU, API':>10}{'others':>10}")
    for name, figures in rows.items():
        say(f"{name:36}" + "".join(f"{1000 * each:10.2f}" for each in figures))
    say(f"{'worker and broker, an order':36}{1000 * costs.behind:30.2f}")


def main() -> None:
    seen = measured()
    costs = calibrated(seen[ALONE], seen[SOME], seen[MORE], _SHARES)
    say(f"\n{'':36}{'orders/s':>10}{'p50 ms':>10}{'a commit':>10}")
    for (clients, hosts), each in seen.items():
        _show(f"{_title(clients, hosts)}, measured", each)
        _show(f"{_title(clients, hosts)}, simulated", simulated(Setting(costs, clients, hosts)))
    _show_costs(costs)
    say("\nNobody measured these: cores enough, and 1 ms between machines")
    for clients, hosts in ((64, 1), (64, 4), (400, 1), (400, 4)):
        far = Setting(costs, clients, hosts, cores=_MANY_CORES, distance=_FAR)
        _show(_title(clients, hosts), simulated(far))


if __name__ == "__main__":
    main()
