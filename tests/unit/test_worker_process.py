"""The worker process: what ends it, how, and what it says of itself."""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest
import requests
from prometheus_client import CollectorRegistry

from devstack.ports import free_port
from order_service.domain.errors import BrokerUnavailable, StoreUnavailable
from order_service.interface import chores, worker, worker_http
from order_service.interface.worker_http import WorkerHttp, make_app
from order_service.settings import Settings, SettingsError
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


@dataclass
class FakeStore:
    name: str = "store"
    required: bool = True
    problem: str | None = None
    checks: int = 0

    def check(self) -> None:
        self.checks += 1
        if self.problem:
            raise StoreUnavailable(self.problem)


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
        **settings: object,
    ) -> None:
        self.consumer = consumer or FakeConsumer()
        self.store = store or FakeStore()
        self.registry = CollectorRegistry()
        parts = worker.WorkerParts(self.consumer, publish, settle, self.store, self.registry)
        self.settings = Settings.model_validate({"worker_port": 0, **settings})
        self.parts = parts
        self.worker = worker.Worker(parts, self.settings)

    def counted(self, name: str, chore: str) -> float:
        metric = f"order_service_worker_{name}_total"
        return self.registry.get_sample_value(metric, {"chore": chore}) or 0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "_FIRST_DELAY", 0.001)
    monkeypatch.setattr(worker, "PUBLISH_INTERVAL", 0.001)


def test_each_part_works_until_a_stop_and_the_exit_code_is_0() -> None:
    published, settled = threading.Event(), threading.Event()

    def meet(mine: threading.Event, other: threading.Event) -> int:
        mine.set()
        assert other.wait(5)
        process.worker.stop()
        return 0

    process = Process(
        publish=lambda: meet(published, settled), settle=lambda: meet(settled, published)
    )
    assert process.worker.work() == 0
    assert process.consumer.ran


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    consumer, store = FakeConsumer(), FakeStore()
    consumer.begun = lambda: os.kill(os.getpid(), number)
    parts = worker.WorkerParts(consumer, nothing, nothing, store, CollectorRegistry())
    assert worker.run(parts, Settings(worker_port=free_port())) == 0
    assert consumer.stopped.is_set()
    assert signal.getsignal(number) is before


def test_a_round_that_failed_is_tried_again() -> None:
    rounds: list[int] = []

    def publish() -> int:
        rounds.append(1)
        if len(rounds) < 3:
            raise BrokerUnavailable("No broker.")
        if len(rounds) == 5:
            process.worker.stop()
        return 2

    process = Process(publish=publish)
    assert process.worker.work() == 0
    assert process.counted("failed_rounds", "relay") == 2
    assert process.counted("done", "relay") >= 4


def test_a_full_round_is_followed_at_once_and_any_other_by_a_pause() -> None:
    rounds = [5, 6, 4]
    metrics = chores.ChoreMetrics(CollectorRegistry())
    chore = chores.Chore("relay", lambda: rounds.pop(0), 60, 5, metrics, died=pytest.fail)
    chore.start()
    until(lambda: not rounds, "the rounds")
    chore.stop()
    chore.join()


def test_a_defect_in_a_thread_ends_the_process_with_an_error() -> None:
    process = Process(settle=lambda: 1 // 0)
    assert process.worker.work() == 1
    assert process.consumer.stopped.is_set()


def test_a_consumer_that_was_shut_out_ends_the_process_with_an_error() -> None:
    def fenced() -> None:
        raise RuntimeError("fenced")

    assert Process(FakeConsumer(begun=fenced)).worker.work() == 1


def test_nothing_is_consumed_before_the_migration() -> None:
    process = Process(store=FakeStore(problem="Not migrated."))
    thread = threading.Thread(target=process.worker.work)
    thread.start()
    until(lambda: process.store.checks > 1, "a second look")
    assert not process.consumer.ran
    process.store.problem = None
    until(lambda: process.consumer.ran, "consuming")
    process.worker.stop()
    thread.join()


def test_it_can_be_stopped_while_it_waits_for_the_store() -> None:
    process = Process(store=FakeStore(problem="Not there."))
    threading.Timer(0.02, process.worker.stop).start()
    assert process.worker.work() == 0


def test_what_hangs_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
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
    def test_ready_in_the_group_and_with_its_store(self) -> None:
        assert Process().worker.ready() == {"consumer": None, "store": None}

    @pytest.mark.parametrize(
        ("state", "words"),
        [(FakeHealth(joined=False), "group"), (FakeHealth(paused=True), "Waiting")],
    )
    def test_not_ready_outside_the_group_or_paused(self, state: FakeHealth, words: str) -> None:
        problem = Process(FakeConsumer(state)).worker.ready()["consumer"]
        assert problem is not None
        assert words in problem

    def test_not_ready_without_the_store(self) -> None:
        process = Process(store=FakeStore(problem="Not migrated."))
        assert process.worker.ready()["store"] == "Not migrated."

    def test_live_before_it_polls_and_while_it_polls_but_not_after(self) -> None:
        process = Process()
        process.consumer.state.seconds_since_poll = 61
        assert process.worker.live() == {"consumer": None}
        process.consumer.begun = process.worker.stop
        process.worker.work()
        assert process.worker.live()["consumer"] == "Kafka was not polled for 61 s."
        process.consumer.state.seconds_since_poll = 3
        assert process.worker.live() == {"consumer": None}

    def test_a_surprise_of_the_store_is_a_problem_and_no_more(self) -> None:
        store = FakeStore()
        store.check = lambda: {}["version"]  # type: ignore[method-assign]
        assert Process(store=store).worker.ready()["store"] == "It answered what was not expected."


class TestHttp:
    @pytest.fixture
    def process(self) -> Process:
        return Process()

    @pytest.fixture
    def get(self, process: Process) -> Iterator[Callable[[str], tuple[int, str]]]:
        """Asks the worker's port; answers status and body."""
        checks = process.worker.live, process.worker.ready
        http = WorkerHttp("127.0.0.1", 0, make_app(*checks, process.registry))
        session = requests.Session()
        session.trust_env = False

        def ask(path: str) -> tuple[int, str]:
            answer = session.get(f"http://127.0.0.1:{http.port}{path}", timeout=5)
            return answer.status_code, answer.text

        with http, session:
            yield ask

    def test_health_is_answered_by_status_and_by_part(
        self, process: Process, get: Callable[[str], tuple[int, str]]
    ) -> None:
        assert get("/health/live")[0] == 200
        assert get("/health/ready")[0] == 200
        process.store.problem = "Not migrated."
        status, body = get("/health/ready")
        assert status == 503
        assert json.loads(body) == {
            "status": "unavailable",
            "dependencies": {
                "consumer": {"status": "ok"},
                "store": {"status": "unavailable", "detail": "Not migrated."},
            },
        }

    def test_metrics_are_served_in_prometheus_text(
        self, get: Callable[[str], tuple[int, str]]
    ) -> None:
        status, body = get("/metrics")
        assert status == 200
        assert 'order_service_worker_done_total{chore="relay"} 0.0' in body
        assert "process_resident_memory_bytes" in body

    def test_slow_clients_hold_up_nobody_and_are_cut_off(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker_http, "_CONNECTION_SECONDS", 1.0)
        app = make_app(process.worker.live, process.worker.ready, process.registry)
        with WorkerHttp("127.0.0.1", 0, app) as http, ExitStack() as stack:
            there = ("127.0.0.1", http.port)
            slow = [stack.enter_context(socket.create_connection(there)) for _ in range(200)]
            for each in slow:
                each.settimeout(20)
                each.sendall(b"GET /hea")
            answer = requests.get(f"http://127.0.0.1:{http.port}/health/live", timeout=10)
            assert answer.status_code == 200
            assert threading.active_count() < 100
            # What each is told by: an end, or a reset.
            for each in slow:
                with suppress(ConnectionError):
                    assert each.recv(1) == b""

    def test_any_other_path_is_404(self, get: Callable[[str], tuple[int, str]]) -> None:
        assert get("/")[0] == 404

    def test_a_taken_port_is_one_clear_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(SettingsError, match=f"WORKER_PORT: 127.0.0.1:{port}"):
                WorkerHttp("127.0.0.1", port, make_app(dict, dict, CollectorRegistry()))
