"""Traces on their way to a collector, from real processes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from devstack.ports import free_port
from tests.system import Parts, System
from tests.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENT = {
    "POST /api/orders": "order-service-api",
    "move stock": "order-service-api",
    "GET inventory": "order-service-api",
    "PATCH inventory": "order-service-api",
    "publish ORDER_CREATED": "order-service-worker",
}
CALLER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


class Collector:
    """Takes traces as an OpenTelemetry collector does: OTLP over HTTP."""

    def __init__(self) -> None:
        self._exports: list[ExportTraceServiceRequest] = []
        exports = self._exports

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                exports.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def names(self, trace_id: str) -> dict[str, str]:
        """The spans of a trace: of each name, which service told of it."""
        return {
            span.name: next(
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            )
            for export in list(self._exports)
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if span.trace_id.hex() == trace_id
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def create(system: System) -> None:
    body = {"itemId": system.add_item(stock=5), "quantity": 1}
    assert system.request("POST", "/api/orders", json=body, headers=CALLER).status_code == 201


def test_api_and_worker_send_the_spans_of_one_trace_to_the_collector(
    parts: Parts, collector: Collector, tmp_path: Path
) -> None:
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with System(parts, tmp_path, otel) as system:
        create(system)
        # Each process sends in batches of its own, so no span waits for another.
        until(lambda: collector.names(TRACE).items() >= SENT.items(), "the spans of both processes")


def test_a_collector_that_is_away_costs_no_order_and_is_told_as_one_outage(
    parts: Parts, tmp_path: Path
) -> None:
    otel = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "WEB_WORKERS": "1",
    }
    with System(parts, tmp_path, otel) as system:
        for _ in range(3):
            create(system)
        until(lambda: "traces_not_exported" in system.api[0].log(), "the outage is told")
        create(system)
    told = system.api[0].log()
    assert told.count('"event": "traces_not_exported"') == 1
    assert "Traceback" not in told
    assert "opentelemetry" not in told.replace("order_service/infrastructure", "")
