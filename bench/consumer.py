"""The worker's stock events a second, between its limits, on servers as in `make run`.

    make bench-consumer EVENTS=1000000 ROUNDS=1     (200,000 in 3 rounds if not given)

The limits: the store's own bulk insert of the same documents (without Kafka), and reading the same
events from Kafka and throwing them away. Far below lies the usual consumer, one journaled save for
each event, as in a Node service with one `await document.save()` a message: here one insert a
message, in Python. Every write is acknowledged by a majority and journaled, with the log's indexes.
The measurements take turns, and the median of each counts, so that the machine's other work slows
all of them alike.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

from bson import ObjectId
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from devstack.ports import free_port
from devstack.processes import ManagedProcess
from order_service.infrastructure.kafka.config import consumer_config
from order_service.infrastructure.kafka.decoding import decode
from order_service.infrastructure.mongo.clock import StoreClock
from order_service.infrastructure.mongo.connection import Database, collection_of, connect
from order_service.infrastructure.mongo.schema import migrate
from order_service.infrastructure.mongo.stock_change_documents import (
    StockChangeDocument,
    to_document,
)
from order_service.settings import Settings

EVENTS = int(os.environ.get("EVENTS") or 200_000)
ROUNDS = int(os.environ.get("ROUNDS") or 3)
SAVED_SINGLY = min(EVENTS, 3_000)
PREPARED = 20_000
TOPIC = "stock-updates"
CHECKOUT = Path(__file__).parents[1]
METRIC = re.compile(rb"^([a-z_]+(?:_total|_bytes|_sum|_count)) ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """``cpu``: seconds of the measuring or measured process; ``resident``: bytes at most."""

    name: str
    events: int
    seconds: float
    cpu: float
    resident: int = 0

    @property
    def rate(self) -> float:
        return self.events / self.seconds


class Sample(NamedTuple):
    written: float
    cpu: float
    resident: float
    batch_seconds: float
    batches: float


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mongo = stack.enter_context(Mongod(folder / "mongo"))
        kafka = stack.enter_context(KafkaBroker(folder / "kafka"))
        say(f"{EVENTS:,} events into {TOPIC}, 4 partitions")
        produce(kafka.bootstrap)
        bench = Bench(mongo, kafka, folder)
        rounds = [bench.round() for _ in range(ROUNDS)]
    show([middle(each) for each in zip(*rounds, strict=True)], bench.samples)


def middle(measured: Sequence[Measured]) -> Measured:
    return sorted(measured, key=lambda each: each.rate)[len(measured) // 2]


def produce(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 4, 1)])[TOPIC].result()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20})
    for n in range(EVENTS):
        item = f"{n % 500:024x}"
        event = (
            f'{{"itemId":"{item}","previousStock":{n % 900 + 100},"newStock":{n % 900 + 98},'
            f'"changeType":"reduced","changeAmount":2,"updatedAt":"2026-01-02T03:04:05.678Z"}}'
        )
        while True:
            try:
                producer.produce(TOPIC, event, item)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


class Bench:
    def __init__(self, mongo: Mongod, kafka: KafkaBroker, folder: Path) -> None:
        self._mongo = mongo
        self._kafka = kafka
        self._folder = folder
        self.samples: list[Sample] = []
        self._groups = count()

    def round(self) -> list[Measured]:
        measured = [self.bulk_insert(), self.worker(), self.read_only(), self.save_singly()]
        say("  ".join(f"{each.name} {each.rate:,.0f}/s" for each in measured))
        return measured

    def bulk_insert(self) -> Measured:
        """The time to make the documents does not count."""
        settings = self._settings("bulk")
        database = connect(settings)
        migrate(database)
        entries = collection_of(database, StockChangeDocument)
        seconds = cpu = 0.0
        documents = self._documents(database, settings)
        while prepared := list(islice(documents, PREPARED)):
            begun, cpu_begun = time.perf_counter(), time.process_time()
            for first in range(0, len(prepared), settings.consumer_batch_size):
                batch = prepared[first : first + settings.consumer_batch_size]
                entries.insert_many(batch, ordered=False)
            seconds += time.perf_counter() - begun
            cpu += time.process_time() - cpu_begun
        self._drop(database)
        return Measured("the store's bulk insert alone", EVENTS, seconds, cpu)

    def read_only(self) -> Measured:
        settings = self._settings("read")
        begun, cpu = 0.0, 0.0
        for number, _ in enumerate(self._messages(settings), 1):
            if number == 1:
                begun, cpu = time.perf_counter(), time.process_time()
        return Measured(
            "reading from Kafka alone",
            EVENTS,
            time.perf_counter() - begun,
            time.process_time() - cpu,
        )

    def save_singly(self) -> Measured:
        settings = self._settings("singly")
        database = connect(settings)
        migrate(database)
        entries = collection_of(database, StockChangeDocument)
        begun, cpu = time.perf_counter(), time.process_time()
        for document in islice(self._documents(database, settings), SAVED_SINGLY):
            entries.insert_one(document)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        self._drop(database)
        return Measured("one save an event", SAVED_SINGLY, seconds, cpu)

    def worker(self) -> Measured:
        """The real process, by the metrics on its port."""
        settings = self._settings("worker")
        database = connect(settings)
        migrate(database)
        port = free_port()
        process = ManagedProcess(
            "worker",
            [sys.executable, "-m", "order_service", "worker"],
            self._folder / "worker.log",
            env=self._environment(settings, port),
            cwd=CHECKOUT,
        )
        process.start()
        try:
            self.samples = list(sampled(port, process))
        finally:
            process.stop()
        seconds = self._seconds_of_the_log(database)
        self._drop(database)
        first, last = next(s for s in self.samples if s.written), self.samples[-1]
        cpu_an_event = (last.cpu - first.cpu) / max(1, last.written - first.written)
        resident = int(max(sample.resident for sample in self.samples))
        return Measured("the worker", EVENTS, seconds, cpu_an_event * EVENTS, resident)

    def _seconds_of_the_log(self, database: Database) -> float:
        entries = database["stock_changes"]
        assert entries.count_documents({}) == EVENTS
        first, last = (entries.find_one(sort=[("_id", order)]) for order in (1, -1))
        # The last batch's entries carry a time from before their write.
        batch = self.samples[-1].batch_seconds / self.samples[-1].batches
        return float((last["createdAt"] - first["createdAt"]).total_seconds()) + batch

    def _settings(self, name: str) -> Settings:
        return Settings(
            mongo_uri=self._mongo.uri,
            mongo_database=f"bench-{name}",
            kafka_broker=self._kafka.bootstrap,
            kafka_group=f"bench-{name}-{next(self._groups)}",
            kafka_stock_topics=(TOPIC,),
        )

    def _environment(self, settings: Settings, port: int) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "MONGO_URI": settings.mongo_uri,
            "MONGO_DATABASE": settings.mongo_database,
            "KAFKA_BROKER": settings.kafka_broker,
            "KAFKA_GROUP": settings.kafka_group,
            "KAFKA_STOCK_TOPICS": TOPIC,
            "LOG_LEVEL": "WARNING",
            "WORKER_PORT": str(port),
        }

    def _messages(self, settings: Settings) -> Iterator[Message]:
        """Every event once, as the worker's consumer gets the events."""
        # Nobody asks this consumer for the end of a partition.
        consumer = Consumer(consumer_config(settings) | {"enable.partition.eof": False})
        consumer.subscribe([TOPIC])
        try:
            left = EVENTS
            while left:
                taken = consumer.consume(min(left, settings.consumer_batch_size), 0.1)
                left -= len(taken)
                yield from taken
        finally:
            consumer.close()

    def _documents(self, database: Database, settings: Settings) -> Iterator[dict[str, Any]]:
        now = StoreClock(database).now()
        for message in self._messages(settings):
            yield to_document(decode(as_record(message), 65_536), ObjectId(), now)

    def _drop(self, database: Database) -> None:
        database.client.drop_database(database.name)
        database.client.close()


def as_record(message: Message) -> Any:
    assert message.error() is None, message.error()
    return message


def sampled(port: int, process: ManagedProcess) -> Iterator[Sample]:
    """Samples twice a second until the last event is written."""
    opener = build_opener(ProxyHandler({}))
    written = 0.0
    while written < EVENTS:
        time.sleep(0.5)
        if not process.alive:
            raise SystemExit(process.log())
        try:
            with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found = {name.decode(): float(v) for name, v in METRIC.findall(answer.read())}
        except OSError:
            continue
        events = "order_service_stock_events"
        written = found[f"{events}_written_total"]
        yield Sample(
            written,
            found["process_cpu_seconds_total"],
            found["process_resident_memory_bytes"],
            found[f"{events}_batch_seconds_sum"],
            found[f"{events}_batch_seconds_count"],
        )


def show(rows: list[Measured], samples: list[Sample]) -> None:
    say(f"\n{'':32}{'events':>10}{'seconds':>9}{'events/s':>10}{'CPU µs/event':>14}{'MB':>6}")
    for row in rows:
        resident = f"{row.resident / 1e6:.0f}" if row.resident else "-"
        say(
            f"{row.name:32}{row.events:>10,}{row.seconds:>9.2f}{row.rate:>10,.0f}"
            f"{row.cpu / row.events * 1e6:>14.1f}{resident:>6}"
        )
    bulk, worker, read, singly = rows
    limit = min(bulk.rate, read.rate)
    say(f"\nof the smaller limit   {worker.rate / limit:.2f}  (target 0.80)")
    say(f"of one save an event   {worker.rate / singly.rate:.1f} x  (target 10)")
    say("resident MB by events  " + ", ".join(growth(samples)))


def growth(samples: list[Sample]) -> Iterator[str]:
    for tenth in (1, 3, 5, 8, 10):
        sample = next(s for s in samples if s.written >= EVENTS * tenth / 10)
        yield f"{sample.written:,.0f}: {sample.resident / 1e6:.0f}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
