"""What reading an order costs beside a bare Flask route, under the same gunicorn.

    python -m bench.read [seconds a round] [rounds]          (5 and 3 if none is given; needs wrk)

Each round measures, in turn: a bare Flask route; an order that is cached; and orders that are
read from the store (with the cache off). CPU is that of gunicorn's processes, without MongoDB.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from tqdm import tqdm

from devstack.mongod import Mongod
from devstack.ports import free_port
from devstack.processes import ManagedProcess
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import connect, disconnect
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.settings import Settings
from tests.orders import completed
from tests.system import CHECKOUT, clean_environment

_WRK: Final = ("wrk", "--threads", "1", "--connections", "16")
_TICKS_A_SECOND: Final = 100
_RATE: Final = re.compile(r"Requests/sec:\s+([\d.]+)")
_TOTAL: Final = re.compile(r"(\d+) requests in")
_BARE: Final = """
from flask import Flask

app = Flask("bare")


@app.get("/hello")
def hello():
    return {"hello": "world"}
"""


@dataclass(frozen=True)
class Result:
    """``cpu``: milliseconds of CPU a request."""

    rate: float
    cpu: float


class Served:
    """Something under gunicorn, with two processes and the service's own configuration."""

    def __init__(self, folder: Path, name: str, app: str, path: str, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{path}"
        command = ["-m", "gunicorn", "--config", str(CHECKOUT / "gunicorn.conf.py")]
        environment = clean_environment({"PORT": str(port), "PYTHONPATH": str(folder), **settings})
        self._process = ManagedProcess(
            name,
            [sys.executable, *command, "--chdir", str(CHECKOUT), app],
            folder / f"{name}.log",
            env=environment,
            cwd=CHECKOUT,
            patience=35,
        )

    def __enter__(self) -> "Served":
        self._process.start()
        self._process.wait_until(self._answers, 30)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def measure(self, seconds: int) -> Result:
        before = self._cpu_seconds()
        command = [*_WRK, "--duration", f"{seconds}s", self.url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        used = self._cpu_seconds() - before
        rate, total = _RATE.search(said), _TOTAL.search(said)
        if rate is None or total is None or "Non-2xx" in said:
            raise SystemExit(f"wrk failed on {self.url}:\n{said}")
        return Result(float(rate[1]), 1000 * used / int(total[1]))

    def _cpu_seconds(self) -> float:
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        ticks = 0
        for pid in [str(parent), *children.split()]:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            ticks += sum(int(ticked) for ticked in fields.split()[11:13])
        return ticks / _TICKS_A_SECOND

    def _answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).status_code == 200
        except requests.RequestException:
            return False


def order_in(settings: Settings) -> str:
    connect(settings)
    try:
        schema.migrate()
        return MongoOrderRepository().add(completed()).id
    finally:
        disconnect()


def run(seconds: int, rounds: int) -> dict[str, list[Result]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "bare.py").write_text(_BARE, encoding="utf-8")
        mongo = stack.enter_context(Mongod(folder / "mongo"))
        store = {"MONGO_URI": mongo.uri, "MONGO_DATABASE": "bench", "LOG_LEVEL": "INFO"}
        path = f"/api/orders/{order_in(Settings(mongo_uri=mongo.uri, mongo_database='bench'))}"
        start: Callable[[Served], Served] = stack.enter_context
        served = {
            "bare Flask": start(Served(folder, "bare", "bare:app", "/hello")),
            "GET, cached": start(
                Served(folder, "hit", "wsgi:app", path, CACHE_TTL_SECONDS="60", **store)
            ),
            "GET, from the store": start(
                Served(folder, "miss", "wsgi:app", path, CACHE_TTL_SECONDS="0", **store)
            ),
        }
        for each in served.values():
            each.measure(1)
        results: dict[str, list[Result]] = {name: [] for name in served}
        for _ in tqdm(range(rounds), unit=" rounds", leave=False):
            for name, each in served.items():
                results[name].append(each.measure(seconds))
                time.sleep(0.2)
        return results


def show(results: dict[str, list[Result]]) -> None:
    bare = statistics.median(result.cpu for result in results["bare Flask"])
    print(f"{'':22}{'requests/s':>12}{'CPU ms each':>13}{'of bare':>9}")
    for name, each in results.items():
        rate = statistics.median(result.rate for result in each)
        cpu = statistics.median(result.cpu for result in each)
        print(f"{name:22}{rate:12,.0f}{cpu:13.3f}{cpu / bare:9.2f}")


def main(arguments: Sequence[str]) -> None:
    given = [int(each) for each in arguments]
    seconds, rounds = given + [5, 3][len(given) :]
    show(run(seconds, rounds))


if __name__ == "__main__":
    main(sys.argv[1:])
