"""The dashboard in operations/grafana, over a real Prometheus that scrapes the running service."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from devstack.kafka import KafkaBroker
from tests.conftest import STOCK_TOPICS
from tests.e2e.answers import order_in
from tests.prometheus import Prometheus
from tests.system import CHECKOUT, System
from tests.waiting import until

DASHBOARD = json.loads(
    (CHECKOUT / "operations" / "grafana" / "order-service.json").read_text(encoding="utf-8")
)
PANELS: list[dict[str, Any]] = [each for each in DASHBOARD["panels"] if each["type"] != "row"]


@pytest.fixture(scope="module")
def prometheus(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder: Path = tmp_path_factory.mktemp("dashboard") / "prometheus"
    jobs = {"order-service-api": system.urls, "order-service-worker": system.worker_urls}
    with Prometheus(folder, jobs) as prometheus:
        yield prometheus


def do_business(system: System, kafka: KafkaBroker) -> None:
    """Sell, read, cancel, refuse and hold; and a record that the log can't take."""
    item, other = (system.add_item(stock=20) for _ in range(2))
    order = order_in(system.create({item: 1, other: 1}))["_id"]
    assert system.get(order).status_code == 200
    assert system.cancel(order).status_code == 200
    assert system.create(item, 100).status_code == 400
    assert system.confirm(order_in(system.hold(item))["_id"]).status_code == 200
    assert system.hold(other, 1).status_code == 201
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(STOCK_TOPICS[0], b"It works!")
    assert producer.flush(20) == 0


def shows(prometheus: Prometheus, expression: str) -> bool:
    """Whether the query has a number to show."""
    found = prometheus.query(expression.replace("$__rate_interval", "1m"))
    return any(math.isfinite(float(each["value"][1])) for each in found)


def test_no_query_of_the_dashboard_is_empty_while_the_service_is_in_use(
    system: System, kafka: KafkaBroker, prometheus: Prometheus
) -> None:
    queries = {
        f"{panel['title']}: {target['expr']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    }
    empty = set(queries)

    def are_shown() -> bool:
        do_business(system, kafka)
        empty.difference_update([each for each in empty if shows(prometheus, queries[each])])
        return not empty

    try:
        until(are_shown, "each query shows a number", 30, 0.5)
    except AssertionError as error:
        error.add_note("\n".join(["empty:", *sorted(empty)]))
        raise


def test_each_query_of_the_dashboard_takes_its_data_source_from_the_variable() -> None:
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    source = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    asked = [each for panel in PANELS for each in (panel, *panel["targets"])]
    assert all(each["datasource"] == source for each in [*asked, *DASHBOARD["annotations"]["list"]])
