"""What /metrics tells, of several processes, on real servers."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from devstack.ports import free_port
from order_service.application.overview.backlog import Backlog
from order_service.infrastructure.mongo.backlog import read_backlog
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.infrastructure.telemetry.backlog import BacklogCollector
from tests.integration.connections import connected
from tests.orders import completed, later, moved_at, pending, stuck_without_intent
from tests.programs import program
from tests.system import Parts, System
from tests.waiting import until

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """The sum of the series that have these labels."""
    wanted = set(labels.items())
    return sum(
        number
        for (series, have), number in found.items()
        if series == f"order_service_{name}" and wanted <= have
    )


@pytest.fixture(scope="module")
def system(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(parts, tmp_path_factory.mktemp("metrics"), {"WEB_WORKERS": "3"}) as system:
        yield system


def text_of_api(system: System) -> str:
    answer = system.request("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return answer.text


def text_of_worker(system: System) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{system.worker_urls[0]}/metrics", timeout=10).text


def scrape(system: System) -> Samples:
    return samples(text_of_api(system))


def counted(system: System, act: Callable[[], object]) -> Callable[..., float]:
    """What ``act`` added to a metric, in all processes together."""
    before = scrape(system)
    act()
    after = scrape(system)
    return lambda name, **labels: value(after, name, **labels) - value(before, name, **labels)


def test_requests_of_all_processes_are_counted_by_template_and_status(system: System) -> None:
    item = system.add_item(stock=1)
    order = system.create(item).json()["order"]["_id"]

    def ask() -> None:
        for _ in range(40):
            assert system.get(order).status_code == 200
        assert system.get("0" * 24).status_code == 404
        assert system.request("GET", "/no/such/route").status_code == 404
        assert system.request("MADE-UP", "/no/such/route").status_code == 404

    added = counted(system, ask)
    requests_to = "http_request_seconds_count"
    route = "/api/orders/<order_id>"
    assert added(requests_to, method="GET", route=route, status="200") == 40
    assert added(requests_to, method="GET", route=route, status="404") == 1
    assert added(requests_to, method="GET", route="none", status="404") == 1
    assert added(requests_to, method="other", route="none", status="404") == 1
    assert added("http_request_seconds_sum", route=route) > 0
    assert added("order_reads_total", source="local") >= 30


def test_orders_and_calls_of_the_inventory_are_counted_by_outcome(system: System) -> None:
    item = system.add_item(stock=5)

    def trade() -> None:
        created = [system.create(item, 2) for _ in range(3)]
        assert [each.status_code for each in created] == [201, 201, 400]
        assert system.create("f" * 24).status_code == 400
        first = created[0].json()["order"]["_id"]
        assert system.cancel(first).status_code == 200

    added = counted(system, trade)
    assert added("orders_placed_total") == 4
    assert added("orders_total", outcome="completed") == 2
    assert added("orders_total", outcome="cancelled") == 1
    assert added("orders_total", outcome="insufficient_stock") == 1
    assert added("orders_total", outcome="item_not_found") == 1
    calls = "inventory_call_seconds_count"
    assert added(calls, operation="overwrite", outcome="ok") == 3
    assert added(calls, operation="read", outcome="ok") == 4
    assert added(calls, operation="read", outcome="item_not_found") == 1
    assert added("lease_wait_seconds_count") >= 4


def test_a_killed_processs_counters_outlive_the_process_and_its_gauges_do_not(
    system: System,
) -> None:
    item = system.add_item(stock=100)
    for _ in range(10):
        system.create(item)
    before = scrape(system)
    processes = children(system.api[0].pid)
    assert len(processes) == 3
    os.kill(processes[0], signal.SIGKILL)
    until(
        lambda: (
            processes[0] not in children(system.api[0].pid)
            and len(children(system.api[0].pid)) == 3
        ),
        "a new process",
    )
    after = scrape(system)
    name = "orders_total"
    assert value(after, name, outcome="completed") == value(before, name, outcome="completed")


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def test_waiting_for_a_hot_items_lease_is_timed(system: System) -> None:
    item = system.add_item(stock=100)
    added = counted(system, lambda: system.create_at_once([item] * 40))
    assert added("lease_wait_seconds_sum") > 0
    assert added("orders_total", outcome="completed") == 40


def test_the_workers_metrics_tell_how_many_orders_and_events_wait(system: System) -> None:
    def told() -> Samples:
        return samples(text_of_worker(system))

    system.create(system.add_item(stock=1))
    until(lambda: value(told(), "events_unpublished") == 0, "the outbox is empty")
    found = told()
    assert value(found, "backlog_readable") == 1
    names = {name for name, _ in found}
    assert {"order_service_orders_pending", "order_service_orders_stuck"} <= names
    assert {
        "order_service_oldest_pending_seconds",
        "order_service_oldest_unpublished_seconds",
        "order_service_orders_held",
        "order_service_holds_overdue",
    } <= names


@pytest.mark.parametrize("text_of", [text_of_api, text_of_worker])
def test_prometheus_finds_no_fault_with_the_metrics(
    system: System, text_of: Callable[[System], str]
) -> None:
    promtool = program("promtool", "prometheus")
    system.create(system.add_item(stock=1))
    said = subprocess.run(
        [promtool, "check", "metrics"],
        input=text_of(system),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_each_metric_that_an_alert_or_the_runbook_names_is_told(system: System) -> None:
    checkout = Path(__file__).parents[3]
    named = {
        name
        for path in ("operations/prometheus/alerts.yml", "docs/runbook.md", "README.md")
        for name in re.findall(
            r"\border_service_[a-z_]+\b", (checkout / path).read_text(encoding="utf-8")
        )
    }
    families = re.findall(
        r"^# TYPE (\S+) (\S+)$", text_of_api(system) + text_of_worker(system), re.MULTILINE
    )
    told = {
        name + suffix
        for name, kind in families
        for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))
    }
    assert named - told == set()


def test_an_open_breaker_is_seen_in_the_metrics(parts: Parts, tmp_path: Path) -> None:
    nowhere = Parts(parts.mongo, parts.kafka, "http://127.0.0.1:1")
    settings = {"BREAKER_FAILURES": "2", "BREAKER_RESET": "60", "WEB_WORKERS": "1"}
    with System(nowhere, tmp_path, settings, workers=0) as system:
        assert value(scrape(system), "inventory_breaker_open") == 0
        for _ in range(3):
            assert system.create("a" * 24).status_code == 503
        assert value(scrape(system), "inventory_breaker_open") == 1


def test_metrics_port_serves_the_metrics_and_the_api_does_not(parts: Parts, tmp_path: Path) -> None:
    port = free_port()
    with System(parts, tmp_path, {"METRICS_PORT": str(port)}, workers=0) as system:
        system.get("0" * 24)
        elsewhere = f"http://127.0.0.1:{port}"
        answer = system.request("GET", "/metrics", url=elsewhere)
        assert answer.status_code == 200
        assert value(samples(answer.text), "http_request_seconds_count", status="404") == 1
        for path in ("/api/orders", "/health/live", "/"):
            assert system.request("GET", path, url=elsewhere).status_code == 404
        assert system.request("GET", "/metrics").status_code == 404
        disguised = {"Host": f"127.0.0.1:{port}", "X-Forwarded-Port": str(port)}
        assert system.request("GET", "/metrics", headers=disguised).status_code == 404


def test_a_service_that_is_killed_leaves_no_file_of_metrics(parts: Parts, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with System(parts, tmp_path, {"TMPDIR": str(disk)}, workers=0) as system:
        assert scrape(system)
        system.api[0].kill()
        assert not list(disk.iterdir())


# --- the backlog, on the store alone


def test_the_backlog_tells_how_much_waits_and_for_how_long(database: Database) -> None:
    assert read_backlog(database) == Backlog(0, 0, 0, 0, 0, 0, 0)
    repository = MongoOrderRepository(database)
    repository.add(pending())
    repository.save(stuck_without_intent(repository.add(pending(at=later(60)))))
    repository.save(moved_at(repository.add(pending()), later(2)))
    repository.add(completed())
    backlog = read_backlog(database)
    assert (backlog.pending, backlog.stuck, backlog.unpublished_events) == (2, 1, 1)
    assert backlog.oldest_pending > backlog.oldest_unpublished > 0


def test_the_worker_answers_a_scrape_without_the_store() -> None:
    with connected("mongodb://127.0.0.1:1", store_timeout=0.2) as database:
        [readable] = BacklogCollector(partial(read_backlog, database)).collect()
    assert readable.name == "order_service_backlog_readable"
    assert [sample.value for sample in readable.samples] == [0]
