"""What was produced, against what is in the log; and the suite's table."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import count
from typing import Any, Self

from confluent_kafka import KafkaError, Message, Producer
from pymongo.errors import PyMongoError

from tests.system import System
from tests.unit.infrastructure.kafka.fakes import value
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Row:
    """``lost`` and ``twice``: of the good events, in the log; ``seconds``: from first to last."""

    fault: str
    faults: int
    events: int
    logged: int
    lost: int
    twice: int
    dead_letters: int = 0
    seconds: float = 0.0


ROWS: list[Row] = []
NOTES: list[str] = []


def lines() -> list[str]:
    """The table as text."""
    names = [field.name.replace("_", " ") for field in fields(Row)]
    cells = [[f"{v:.0f}" if isinstance(v, float) else str(v) for v in astuple(r)] for r in ROWS]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in [names, *cells]
    ] + NOTES


class Load:
    """Events with a number each; ``rate``: of them a second, as fast as it goes without one."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._numbers = count()
        self._failures: list[KafkaError] = []
        self._thread: threading.Thread | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 20,
                "delivery.timeout.ms": 120_000,
            }
        )
        self.confirmed = 0

    def produce(self, number: int, rate: float | None = None) -> None:
        begun = time.monotonic()
        for sent in range(number):
            self._send_good()
            if rate and (ahead := sent / rate - (time.monotonic() - begun)) > 0.01:
                time.sleep(ahead)

    def produce_mixed(self, number: int, bad: Sequence[bytes | None], rng: random.Random) -> None:
        """So many good events, and the bad ones at random places among them."""
        kinds: list[int | None] = [*range(len(bad)), *[None] * number]
        rng.shuffle(kinds)
        for kind in kinds:
            self._send_good() if kind is None else self._send(bad[kind])

    def start(self, number: int, rate: float) -> Self:
        """Produce beside the test."""
        self._thread = threading.Thread(target=self.produce, args=(number, rate))
        self._thread.start()
        return self

    def finish(self) -> int:
        """How many good events there are, all confirmed."""
        if self._thread:
            self._thread.join()
        assert self._producer.flush(120) == 0
        assert self._failures == []
        return next(self._numbers)

    def _send_good(self) -> None:
        n = next(self._numbers)
        self._send(value(n=n), str(n % 500))

    def _send(self, content: bytes | None, key: str | None = None) -> None:
        while True:
            try:
                self._producer.produce(self._topic, content, key, on_delivery=self._report)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _report(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.confirmed += 1
        else:
            self._failures.append(error)


class Ledger:
    """The log of one system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._begun = time.monotonic()

    @property
    def entries(self) -> Any:
        return self._system.database["stock_changes"]

    def logged(self) -> int:
        """How many entries there are, by a quick count; 0 while the store elects."""
        try:
            return int(self.entries.estimated_document_count())
        except PyMongoError:
            return 0

    def await_logged(self, number: int, timeout: float = 90) -> None:
        until(lambda: self.logged() >= number, f"{number} entries", timeout, 0.1)

    def row(self, fault: str, faults: int, events: int, dead_letters: int = 0) -> Row:
        """Waits for the last event, adds the row to the table and answers it."""
        try:
            self.await_logged(events)
        finally:
            pipeline = [{"$group": {"_id": "$payload.n", "times": {"$sum": 1}}}]
            times = [each["times"] for each in self.entries.aggregate(pipeline)]
            row = Row(
                fault,
                faults,
                events,
                logged=sum(times),
                lost=events - len(times),
                twice=sum(each - 1 for each in times),
                dead_letters=dead_letters,
                seconds=time.monotonic() - self._begun,
            )
            ROWS.append(row)
        return row
