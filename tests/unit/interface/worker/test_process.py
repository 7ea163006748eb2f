"""The worker process: what ends it, how, and what it says of itself."""

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle

import pytest
import requests
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from devstack.ports import free_port
from order_service.application.outage import iso
from order_service.application.overview.workers import Beat, Heartbeat, PartitionLag
from order_service.application.readiness import DependencyState
from order_service.domain.errors import (
    BrokerUnavailable,
    InventoryUnavailable,
    StoreUnavailable,
)
from order_service.interface.worker import chores, restarts
from order_service.interface.worker import http as worker_http
from order_service.interface.worker import process as worker
from order_service.interface.worker.health import WorkerParts
from order_service.interface.worker.http import WorkerHttp, make_app
from order_service.interface.worker.problems import Problem
from order_service.settings import Settings, SettingsError
from tests.unit.fakes import FakeClock
from tests.waiting import until


@dataclass
class FakeHealth:
    joined: bool = True
    paused: bool = False
    seconds_since_poll: float = 0.0


@dataclass
class FakeConsumer:
    """Runs ``begun`` and then until it is stopped."""

    state: FakeHealth = field(default_factory=FakeHealth)
    begun: Callable[[], None] = lambda: None
    ran: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        self.ran = True
        self.begun()
        assert self.stopped.wait(20)

    def stop(self) -> None:
        self.stopped.set()

    def health(self) -> FakeHealth:
        return self.state

    def lags(self) -> list[PartitionLag]:
        return [PartitionLag("stock-updates", 3, 7)]


class FakeWorkers:
    """What the workers tell of themselves."""

    def __init__(self, away: bool = False) -> None:
        self.away = away
        self.told: dict[str, list[Beat]] = {}

    def tell(self, beat: Beat) -> None:
        self._answer()
        self.told.setdefault(beat.id, []).append(beat)

    def forget(self, worker_id: str) -> None:
        self._answer()
        del self.told[worker_id]

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("The order store can't be reached.")


@dataclass
class FakeStore:
    name: str = "store"
    required: bool = True
    problem: str | None = None
    missing_since: datetime | None = None
    checks: int = 0

    def check(self) -> None:
        self.checks += 1
        if self.problem:
            raise StoreUnavailable(self.problem)


@dataclass
class FakeWatch:
    name: str = "kafka"
    required: bool = True
    problem: str | None = None
    missing_since: datetime = field(default_factory=lambda: datetime.now(UTC))
    topics_problem: str | None = None
    looks: int = 0

    def look(self) -> int:
        self.looks += 1
        return 1

    def check(self) -> None:
        if self.problem:
            raise BrokerUnavailable(self.problem)


def nothing() -> int:
    return 0


class Process:
    """The worker over fakes, in this very process."""

    def __init__(
        self,
        consumer: FakeConsumer | None = None,
        store: FakeStore | None = None,
        publish: Callable[[], int] = nothing,
        settle: Callable[[], int] = nothing,
        expire: Callable[[], int] = nothing,
        **settings: object,
    ) -> None:
        self.consumer = consumer or FakeConsumer()
        self.store = store or FakeStore()
        self.watch = FakeWatch()
        self.workers = FakeWorkers()
        self.exit_codes: list[int] = []
        self.registry = CollectorRegistry()
        self.clock = FakeClock()
        heartbeat = Heartbeat(self.workers, "host:1:abc", "0.3.0", self.clock)
        work = publish, settle, expire
        parts = WorkerParts(self.consumer, self.watch, *work, self.store, self.registry, heartbeat)
        self.settings = Settings.model_validate({"worker_port": 0, **settings})
        self.parts = parts
        self.worker = worker.Worker(parts, self.settings)

    def restarts(self, part: str) -> float:
        metric = "order_service_worker_restarts_total"
        return self.registry.get_sample_value(metric, {"part": part}) or 0

    def counted(self, name: str, chore: str) -> float:
        metric = f"order_service_worker_{name}_total"
        return self.registry.get_sample_value(metric, {"chore": chore}) or 0


@contextmanager
def running(process: Process) -> Iterator[None]:
    thread = threading.Thread(target=lambda: process.exit_codes.append(process.worker.work()))
    thread.start()
    try:
        yield
    finally:
        process.worker.stop()
        thread.join(10)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(restarts, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(worker, "PUBLISH_INTERVAL", 0.001)


def test_each_part_of_the_worker_works_until_a_stop_and_the_exit_code_is_0() -> None:
    published, settled = threading.Event(), threading.Event()

    def meet(mine: threading.Event, other: threading.Event) -> int:
        mine.set()
        assert other.wait(5)
        until(lambda: process.consumer.ran, "a consumer that runs")
        process.worker.stop()
        return 0

    process = Process(
        publish=lambda: meet(published, settled), settle=lambda: meet(settled, published)
    )
    assert process.worker.work() == 0
    assert process.consumer.ran


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_worker_in_order(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    consumer, store = FakeConsumer(), FakeStore()
    consumer.begun = lambda: os.kill(os.getpid(), number)
    chores = nothing, nothing, nothing
    heartbeat = Heartbeat(FakeWorkers(), "host:1:abc", "0.3.0", FakeClock())
    parts = WorkerParts(consumer, FakeWatch(), *chores, store, CollectorRegistry(), heartbeat)
    assert worker.run(parts, Settings(worker_port=free_port()), {}) == 0
    assert consumer.stopped.is_set()
    assert signal.getsignal(number) is before


def test_a_round_of_the_relay_that_failed_is_tried_again() -> None:
    rounds: list[int] = []

    def publish() -> int:
        rounds.append(1)
        if len(rounds) < 3:
            raise BrokerUnavailable("No broker.")
        if len(rounds) == 5:
            process.worker.stop()
        return 2

    process = Process(publish=publish)
    with capture_logs() as lines:
        assert process.worker.work() == 0
    # Who asks Kafka tells that Kafka is away, once for all that need Kafka.
    assert [line["event"] for line in lines] == ["worker_stopped"]
    assert process.counted("failed_rounds", "relay") == 2
    assert process.counted("done", "relay") >= 4


def test_a_full_round_is_followed_by_the_next_at_once_and_any_other_round_by_a_pause() -> None:
    rounds = [5, 6, 4]
    metrics = chores.ChoreMetrics(CollectorRegistry())
    part = restarts.Restarts("relay", restarts.RestartMetrics(CollectorRegistry()))
    chore = chores.Chore(lambda: rounds.pop(0), 60, 5, metrics, part)
    chore.start()
    until(lambda: not rounds, "the rounds")
    chore.stop()
    chore.join()
    assert part.problem is None


def test_a_part_of_the_worker_that_fails_is_started_again_and_ends_no_other_part() -> None:
    rounds: list[int] = []
    published = threading.Event()

    def publish() -> int:
        if process.restarts("settlement") == 3:
            published.set()
        return 0

    def settle() -> int:
        rounds.append(1)
        if len(rounds) <= 3:
            raise ZeroDivisionError
        return 0

    process = Process(publish=publish, settle=settle, settle_interval=0.01)
    with running(process):
        until(lambda: len(rounds) > 4, "rounds after the failed ones")
        assert published.wait(5)
        assert not process.consumer.stopped.is_set()
    assert process.restarts("settlement") == 3
    assert process.exit_codes == [0]


def test_a_round_that_expired_holds_is_followed_by_the_next_at_once() -> None:
    rounds: list[int] = []

    def expire() -> int:
        rounds.append(1)
        if len(rounds) == 5:
            process.worker.stop()
            return 0
        return 32

    process = Process(expire=expire)
    assert process.worker.work() == 0
    assert process.counted("done", "expiry") == 4 * 32


def test_an_expiry_whose_inventory_is_away_is_tried_again_and_holds_up_no_other_part() -> None:
    rounds: list[int] = []
    settled = threading.Event()

    def expire() -> int:
        rounds.append(1)
        if len(rounds) < 3:
            raise InventoryUnavailable("refused")
        assert settled.wait(5)
        process.worker.stop()
        return 0

    def settle() -> int:
        settled.set()
        return 0

    process = Process(expire=expire, settle=settle)
    assert process.worker.work() == 0
    assert process.counted("failed_rounds", "expiry") == 2


def test_the_worker_tells_of_its_parts_and_partitions_and_is_forgotten_when_it_ends_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "BEAT_INTERVAL", 0.001)
    process = Process()
    process.clock.elapsed = 2.5
    with running(process):
        process.watch.topics_problem = "No topic exists."
        beats = until(lambda: process.workers.told.get("host:1:abc"), "a beat")
        until(lambda: any(each.problem for each in beats[-1].parts), "a part with a problem")
        beat = beats[-1]
    assert (beat.version, beat.up_for) == ("0.3.0", 2.5)
    assert beat.partitions == [PartitionLag("stock-updates", 3, 7)]
    [consumer] = [each for each in beat.parts if each.problem]
    assert consumer == DependencyState("consumer", True, "No topic exists.", consumer.since)
    assert [each.name for each in beat.parts] == list(process.worker.health.ready())
    assert process.workers.told == {}
    assert process.exit_codes == [0]


def test_a_worker_that_can_tell_nobody_of_itself_works_and_ends_in_order_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "BEAT_INTERVAL", 0.001)
    process = Process(settle_interval=0.001)
    process.workers.away = True
    with capture_logs() as lines, running(process):
        until(lambda: process.counted("failed_rounds", "heartbeat") > 2, "beats that failed")
        assert process.consumer.ran
    assert [line["event"] for line in lines] == ["worker_stopped"]
    assert process.exit_codes == [0]


@pytest.mark.parametrize(
    ("part", "work"), [("relay", "publish"), ("settlement", "settle"), ("expiry", "expire")]
)
def test_the_workers_readiness_names_the_part_that_fails_until_it_is_well(
    part: str, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "EXPIRE_INTERVAL", 0.001)
    broken = True

    def round_of_work() -> int:
        if broken:
            raise ZeroDivisionError
        return 0

    process = Process(**{work: round_of_work}, settle_interval=0.01)
    with running(process):
        problem = until(lambda: process.worker.health.ready()[part], "a problem")
        assert "ZeroDivisionError" in problem.detail
        assert f"since {iso(problem.since)}" in problem.detail
        assert [n for n, p in process.worker.health.ready().items() if p] == [part]
        assert process.worker.health.live() == {"consumer": None}
        broken = False
        until(lambda: process.worker.health.ready()[part] is None, "a part that is well")


def test_a_consumer_that_was_shut_out_is_run_again() -> None:
    runs: list[int] = []

    def fenced() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("fenced")

    process = Process(FakeConsumer(begun=fenced))
    with running(process):
        until(lambda: len(runs) == 3, "the third run")
        assert "RuntimeError" in str(process.worker.health.ready()["consumer"])
        assert process.worker.health.live() == {"consumer": None}
    assert process.restarts("consumer") == 2
    assert process.exit_codes == [0]


def test_a_part_of_the_worker_counts_as_well_once_it_has_run_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part = restarts.Restarts("consumer", restarts.RestartMetrics(CollectorRegistry()))
    part.begun()
    part.failed(ValueError())
    part.begun()
    assert part.problem is not None
    monkeypatch.setattr(restarts, "_PROVEN", -1)
    assert part.problem is None


def test_the_worker_consumes_nothing_before_the_migration() -> None:
    process = Process(store=FakeStore(problem="Not migrated."))
    thread = threading.Thread(target=process.worker.work)
    with capture_logs() as lines:
        thread.start()
        until(lambda: process.store.checks > 1, "a second look")
        assert not process.consumer.ran
        process.store.problem = None
        until(lambda: process.consumer.ran, "consuming")
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("waiting_for_store", "Not migrated.")
    ]
    process.worker.stop()
    thread.join()


def test_the_worker_can_be_stopped_while_it_waits_for_the_store() -> None:
    process = Process(store=FakeStore(problem="Not there."))
    threading.Timer(0.02, process.worker.stop).start()
    assert process.worker.work() == 0


def test_a_part_of_the_worker_that_hangs_at_a_stop_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_off, exit_codes = threading.Event(), []

    def end_of_process(code: int) -> None:
        exit_codes.append(code)
        cut_off.set()

    def hang() -> int:
        process.worker.stop()
        return int(cut_off.wait(5))

    monkeypatch.setattr(worker, "STOP_WITHIN", 0.01)
    monkeypatch.setattr("os._exit", end_of_process)
    process = Process(settle=hang)
    process.worker.work()
    assert exit_codes == [1]


class TestHealth:
    def test_the_worker_is_ready_in_the_group_and_with_its_store(self) -> None:
        assert Process().worker.health.ready() == dict.fromkeys(
            ("consumer", "kafka", "store", "relay", "settlement", "expiry")
        )

    @pytest.mark.parametrize(
        ("state", "words"),
        [(FakeHealth(joined=False), "group"), (FakeHealth(paused=True), "Waiting")],
    )
    def test_the_worker_is_not_ready_outside_the_group_or_paused(
        self, state: FakeHealth, words: str
    ) -> None:
        health = Process(FakeConsumer(state)).worker.health
        problem = health.ready()["consumer"]
        assert problem is not None
        assert words in problem.detail
        assert health.ready()["consumer"] == problem

    @pytest.mark.parametrize("state", [FakeHealth(), FakeHealth(joined=False, paused=True)])
    def test_while_kafka_is_away_the_workers_readiness_names_kafka_for_the_consumer_too(
        self, state: FakeHealth
    ) -> None:
        process = Process(FakeConsumer(state))
        process.watch.problem = "Kafka has not answered since 2026-01-02T03:04:05Z: refused."
        process.watch.missing_since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        problem = Problem(process.watch.problem, process.watch.missing_since)
        ready = process.worker.health.ready()
        assert {name: each for name, each in ready.items() if each} == {
            "consumer": problem,
            "kafka": problem,
        }

    def test_the_worker_is_not_ready_without_any_topic(self) -> None:
        process = Process()
        process.watch.topics_problem = "No topic of KAFKA_STOCK_TOPICS exists."
        problem = process.worker.health.ready()["consumer"]
        assert problem is not None
        assert problem.detail == process.watch.topics_problem

    def test_a_consumer_that_comes_back_after_kafka_counts_as_missing_since_then(self) -> None:
        process = Process(FakeConsumer(FakeHealth(joined=False)))
        process.watch.problem = "Kafka has not answered."
        process.watch.missing_since = since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        process.worker.health.ready()
        process.watch.problem = None
        problem = process.worker.health.ready()["consumer"]
        assert problem == Problem("Not in the consumer group yet.", since)
        process.consumer.state.joined = True
        assert process.worker.health.ready()["consumer"] is None

    def test_the_worker_is_not_ready_without_the_store(self) -> None:
        process = Process(store=FakeStore(problem="Not migrated."))
        problem = process.worker.health.ready()["store"]
        assert problem is not None
        assert problem.detail == "Not migrated."

    def test_the_worker_is_live_before_it_polls_and_while_it_polls_and_not_after(self) -> None:
        process = Process()
        process.consumer.state.seconds_since_poll = 61
        assert process.worker.health.live() == {"consumer": None}
        process.consumer.begun = process.worker.stop
        process.worker.work()
        problem = process.worker.health.live()["consumer"]
        assert problem is not None
        assert problem.detail == "Kafka was not polled for 61 s."
        assert datetime.now(UTC) - problem.since >= timedelta(seconds=61)
        process.consumer.state.seconds_since_poll = 3
        assert process.worker.health.live() == {"consumer": None}

    def test_an_unexpected_error_of_the_store_is_a_problem_of_readiness_and_no_more(self) -> None:
        store = FakeStore()
        store.check = lambda: {}["version"]  # type: ignore[method-assign]
        problem = Process(store=store).worker.health.ready()["store"]
        assert problem is not None
        assert problem.detail == "The check ended in an unexpected error; the log has the cause."


class TestHttp:
    @pytest.fixture
    def process(self) -> Process:
        return Process()

    @pytest.fixture
    def get(self, process: Process) -> Iterator[Callable[[str], tuple[int, str]]]:
        """Asks the worker's port; answers status and body."""
        checks = process.worker.health.live, process.worker.health.ready
        http = WorkerHttp("127.0.0.1", 0, make_app(*checks, process.registry))
        session = requests.Session()
        session.trust_env = False

        def ask(path: str) -> tuple[int, str]:
            answer = session.get(f"http://127.0.0.1:{http.port}{path}", timeout=5)
            return answer.status_code, answer.text

        with http, session:
            yield ask

    def test_the_workers_health_is_answered_by_status_and_by_part(
        self, process: Process, get: Callable[[str], tuple[int, str]]
    ) -> None:
        assert get("/health/live")[0] == 200
        assert get("/health/ready")[0] == 200
        process.store.problem = "Not migrated."
        status, body = get("/health/ready")
        assert status == 503
        answer = json.loads(body)
        since = answer["dependencies"]["store"].pop("since")
        assert datetime.fromisoformat(since).tzinfo is not None
        assert answer == {
            "status": "unavailable",
            "dependencies": {
                "consumer": {"status": "ok"},
                "expiry": {"status": "ok"},
                "kafka": {"status": "ok"},
                "relay": {"status": "ok"},
                "settlement": {"status": "ok"},
                "store": {"status": "unavailable", "detail": "Not migrated."},
            },
        }

    def test_the_worker_serves_its_metrics_in_prometheus_text(
        self, get: Callable[[str], tuple[int, str]]
    ) -> None:
        status, body = get("/metrics")
        assert status == 200
        assert 'order_service_worker_done_total{chore="relay"} 0.0' in body
        assert "process_resident_memory_bytes" in body

    def test_the_workers_health_answers_beside_hundreds_of_idle_or_rubbish_connections(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker_http, "_CONNECTION_SECONDS", 1.0)
        rubbish = [b"", b"G", b"GET /health", b"\x16\x03\x01\x02\x00\x01", b"\xff\xfe\r\n\r\n"]
        checks = process.worker.health.live, process.worker.health.ready
        http = WorkerHttp("127.0.0.1", 0, make_app(*checks, process.registry))
        with http, ExitStack() as stack:
            address = ("127.0.0.1", http.port)
            idle = [stack.enter_context(socket.create_connection(address)) for _ in range(250)]
            for each, said in zip(idle, cycle(rubbish), strict=False):
                each.sendall(said)
            answer = stack.enter_context(socket.create_connection(address, timeout=1))
            answer.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
            assert answer.recv(100).startswith(b"HTTP/1.0 200")
            # None is left, though they never ended a request.
            for each in idle:
                each.settimeout(10)
                with contextlib.suppress(ConnectionError):
                    while each.recv(1000):
                        pass

    def test_an_unknown_path_of_the_worker_is_404(
        self, get: Callable[[str], tuple[int, str]]
    ) -> None:
        assert get("/")[0] == 404

    def test_a_taken_worker_port_is_one_clear_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(SettingsError, match=f"WORKER_PORT: 127.0.0.1:{port}"):
                WorkerHttp("127.0.0.1", port, make_app(dict, dict, CollectorRegistry()))
