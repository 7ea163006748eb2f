"""One trace from a caller's request to the order's event, on real servers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import uuid4

import pytest
import structlog
from confluent_kafka import Message
from flask import Flask

from devstack.kafka import KafkaBroker
from devstack.mongod import Mongod
from order_service.application.orders.publish import PublishEvents
from order_service.application.orders.settle import Overdue, SettleOrders
from order_service.bootstrap.adapters import Adapters, build_adapters, stock_mover
from order_service.bootstrap.api import build_api
from order_service.bootstrap.shared import Shared
from order_service.domain.history import SETTLEMENT
from order_service.infrastructure.kafka.build import event_publisher
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.telemetry.traces import add_trace
from order_service.settings import Settings
from tests.integration.connections import opened, store_settings
from tests.integration.telemetry.pictures import Tracer, picture, trace_of
from tests.items import Items
from tests.misbehaving import CUT_BEFORE, HANG_BEFORE, MisbehavingInventory
from tests.published_events import read
from tests.topic_reader import TopicReader
from tests.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
CREATED: Final = """\
POST /api/orders
  store: insert orders
  store: find leases
  store: find orders
  move stock  (1 linked)
    GET inventory
    store: update leases
    PATCH inventory
    store: update orders
    store: update leases
  publish ORDER_CREATED"""
SETTLED: Final = """
  settle order  (1 linked)
    store: find leases
    store: find orders
    store: update leases
    store: find orders
    GET inventory
    store: find orders
    PATCH inventory
    store: update orders
    store: update leases
    store: find leases
    store: find orders
  publish ORDER_CREATED"""


@dataclass
class Shop:
    """An API and a worker, each with a tracer of its own, in the test's process."""

    settings: Settings
    api: Tracer
    worker: Tracer
    app: Flask
    at_work: Adapters
    database: Database

    def create(self, item: str, request_id: str, traceparent: str | None = CALLER) -> Any:
        headers = {"X-Request-Id": request_id}
        if traceparent:
            headers["traceparent"] = traceparent
        return self.app.test_client().post(
            "/api/orders", json={"itemId": item, "quantity": 1}, headers=headers
        )

    def relay(self) -> int:
        publisher = event_publisher(self.settings, self.worker.traces)
        return PublishEvents(self.at_work.outbox, publisher, self.at_work.relay_lock)()

    def settle(self) -> int:
        stock = stock_mover(self.settings, self.at_work, SETTLEMENT)
        overdue = Overdue(timedelta(0), 10)
        orders, clock = self.at_work.orders, self.at_work.clock
        return SettleOrders(orders, stock, clock, overdue, self.worker.traces)()

    def end_leases(self) -> None:
        """As if their time were over."""
        past = datetime(2000, 1, 1, tzinfo=UTC)
        self.database["leases"].update_many({}, {"$set": {"expiresAt": past, "endsAt": past}})

    def event(self, order_id: str) -> Message:
        """That of the order; the topic has one more."""
        with TopicReader(self.settings.kafka_broker, self.settings.kafka_order_topic) as reader:
            [event] = [each for each in reader.read(2) if each.key() == order_id.encode()]
            return event

    def picture(self, trace_id: str = TRACE) -> str:
        return picture([*self.api.spans(), *self.worker.spans()], trace_id)


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """The lines of the log, as dictionaries."""
    lines: list[dict[str, Any]] = []

    def keep(_: Any, __: str, fields: structlog.typing.EventDict) -> str:
        lines.append(dict(fields))
        return ""

    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, add_trace, keep])
    yield lines
    structlog.configure(**before)


@pytest.fixture
def shop(
    mongo: Mongod,
    kafka: KafkaBroker,
    proxy: MisbehavingInventory,
    items: Items,
    lines: list[dict[str, Any]],
) -> Iterator[Shop]:
    settings = store_settings(
        mongo.uri,
        kafka_broker=kafka.bootstrap,
        kafka_order_topic=f"order-events-{uuid4().hex[:10]}",
        inventory_service_url=proxy.url,
        inventory_connect_timeout=1,
        inventory_read_timeout=2,
        lease_seconds=7,
        request_deadline=6,
        store_timeout=3,
    )
    api, worker = Tracer(), Tracer()
    with (
        opened(settings, {"event_listeners": api.traces.store_listeners()}) as database,
        opened(settings, {"event_listeners": worker.traces.store_listeners()}) as elsewhere,
    ):
        schema.migrate(database)
        app = build_api(settings, database, Shared(), correlation=api.traces)
        at_work = build_adapters(settings, elsewhere, Shared(), correlation=worker.traces)
        shop = Shop(settings, api, worker, app, at_work, database)
        # Connections are made, and indexes looked for, only once.
        shop.create(items.add(stock=1), "warms-up", traceparent=None)
        assert shop.relay() == 1
        for seen in (api.seen, worker.seen, proxy.headers, proxy.requests, lines):
            seen.clear()
        yield shop


def test_one_trace_leads_from_the_callers_request_to_the_orders_event(
    shop: Shop, items: Items, proxy: MisbehavingInventory
) -> None:
    created = shop.create(items.add(stock=5), "first-request")
    assert created.status_code == 201
    assert shop.relay() == 1

    assert shop.picture() == CREATED
    sent = [each["traceparent"].split("-")[1] for each in proxy.headers]
    assert sent == [TRACE, TRACE]
    assert [each["X-Request-Id"] for each in proxy.headers] == ["first-request"] * 2
    event = shop.event(created.json["order"]["_id"])
    assert read(event)["event"] == "ORDER_CREATED"
    headers = {name: value.decode() for name, value in event.headers() or []}
    assert headers["traceparent"].split("-")[1] == TRACE
    assert headers["x-request-id"] == "first-request"


def test_a_settlement_goes_on_with_the_trace_of_the_request_that_was_left(
    shop: Shop, items: Items, proxy: MisbehavingInventory
) -> None:
    proxy.misbehave(CUT_BEFORE, method="PATCH")
    left = shop.create(items.add(stock=5), "left-behind")
    assert left.status_code == 202
    proxy.behave()
    proxy.headers.clear()
    shop.end_leases()
    assert shop.settle() == 1
    assert shop.relay() == 1

    [settled] = shop.worker.spans("settle order")
    assert trace_of(settled) == TRACE
    assert shop.picture().endswith(SETTLED)
    assert {each["traceparent"].split("-")[1] for each in proxy.headers} == {TRACE}
    assert {each["X-Request-Id"] for each in proxy.headers} == {"left-behind"}


def test_an_overwrite_that_serves_several_orders_is_linked_to_the_trace_of_each(
    shop: Shop, items: Items, proxy: MisbehavingInventory
) -> None:
    item = items.add(stock=50)
    callers = [f"00-{number:032x}-b7ad6b7169203331-01" for number in range(1, 9)]
    # The first commit's reading is held up until all others wait for the next commit.
    proxy.misbehave(HANG_BEFORE, method="GET", times=1)
    with ThreadPoolExecutor(len(callers)) as clients:
        first = clients.submit(shop.create, item, "the-first", callers[0])
        until(lambda: "GET" in "".join(proxy.requests), "the first reading")
        others = [clients.submit(shop.create, item, "another", each) for each in callers[1:]]
        placed = partial(shop.database["orders"].count_documents, {})
        # And the one that warmed up.
        until(lambda: placed() == len(callers) + 1, "all are placed")
        proxy.behave()
        assert {each.result().status_code for each in [first, *others]} == {201}

    commits = [span for span in shop.api.spans("move stock") if len(span.links) > 1]
    linked = {f"{link.context.trace_id:032x}" for commit in commits for link in commit.links}
    assert linked == {f"{number:032x}" for number in range(2, 9)}
    overwrites = shop.api.spans("PATCH inventory")
    assert len(overwrites) == len(shop.api.spans("move stock")) < len(callers)


def test_a_cancellation_is_told_in_the_trace_of_who_asked_for_it(shop: Shop, items: Items) -> None:
    order = shop.create(items.add(stock=5), "creates", traceparent=None).json["order"]["_id"]
    headers = {"traceparent": CALLER, "X-Request-Id": "cancels"}
    answer = shop.app.test_client().post(f"/api/orders/{order}/cancel", headers=headers)
    assert answer.status_code == 200
    assert shop.relay() == 2
    assert "publish ORDER_CANCELLED" in shop.picture()
    assert "publish ORDER_CREATED" not in shop.picture()


def test_lines_of_the_log_carry_the_ids_of_request_order_trace_and_span(
    shop: Shop, items: Items, proxy: MisbehavingInventory, lines: list[dict[str, Any]]
) -> None:
    proxy.misbehave(CUT_BEFORE, method="PATCH", times=1)
    created = shop.create(items.add(stock=5), "the-request").json["order"]["_id"]
    about = {"request_id": "the-request", "order_id": created, "trace_id": TRACE}
    assert [line for line in lines if not about.items() <= line.items()] == []
    assert {"request", "inventory_unavailable"} <= {line["event"] for line in lines}
    assert all(len(line["span_id"]) == 16 for line in lines)


def test_what_no_request_asks_for_makes_no_trace(shop: Shop) -> None:
    assert shop.relay() == 0
    assert shop.settle() == 0
    assert shop.app.test_client().get("/health/ready").status_code == 200
    assert [span.name for span in shop.api.spans() + shop.worker.spans()] == []
